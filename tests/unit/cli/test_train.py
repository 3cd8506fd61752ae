"""``mailstack train``, against a trainer that says what it is told to say."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mailstack.cli.__main__ import run
from mailstack.cli.invocation import Invocation
from mailstack.cli.training import Trainer
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

OFFSETS = range(20_000, 24_000)
"""Of the ports of a stack, one of which is free."""
ANNA: dict[str, object] = {
    "event": "done", "user": "anna@example.org", "failed": None, "gone": False, "own_bayes": True,
    "learned_ham": 12, "learned_spam": 7, "skipped": 3, "seconds": 1.25, "undone": False,
    "recall": 0.9, "recall_without": 0.25, "false_positives": 0,
}  # fmt: skip
BEN: dict[str, object] = {**ANNA, "user": "ben@example.org", "failed": "spamd does not answer"}
END: dict[str, object] = {"event": "end", "failed": 0}


class FakeTrainer(http.server.BaseHTTPRequestHandler):
    """Answers with the lines of its server."""

    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(asked))  # type: ignore[attr-defined]
        allowed = self.headers["Authorization"] == "Bearer secret"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        for line in self.server.lines if allowed else ():  # type: ignore[attr-defined]
            self.wfile.write(json.dumps(line).encode() + b"\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(http.server.HTTPServer):
    """On the trainer's port, shifted."""

    def __init__(self, offset: int) -> None:
        port = STACK.service("trainer").port("http").number + offset
        super().__init__(("127.0.0.1", port), FakeTrainer)
        self.offset = offset
        self.lines: list[dict[str, object]] = [ANNA, END]
        self.asked: list[object] = []


def somewhere() -> Server:
    """Listen on the first port that is free."""
    for offset in OFFSETS:
        with suppress(OSError):
            return Server(offset)
    pytest.fail("no port is free")


@pytest.fixture
def trainer() -> Iterator[Server]:
    """A trainer in a thread."""
    with somewhere() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def arguments(trainer: Server, tmp_path: Path) -> list[str]:
    """The global options of a stack that has its token."""
    config = tmp_path / "mailstack.toml"
    config.write_text('domain = "example.org"\nemail = "owner@example.org"\n')
    (tmp_path / "secure").mkdir()
    (tmp_path / "secure" / "api.token").write_text("secret\n")
    offset = f"listen.port_offset={trainer.offset}"
    return ["--config", str(config), "--state", str(tmp_path), "--set", offset, "train"]


def test_everybody(
    trainer: Server, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each user, and a summary."""
    assert run(arguments) == 0
    said = capsys.readouterr().out
    assert trainer.asked == [{"users": []}]
    assert "anna@example.org\t12\t7\t3\t90%\t25%\t0\town filter in use\t1.2" in said
    assert "1 of 1 users, 12 ham and 7 spam learnt" in said


def test_some_in_json(
    trainer: Server, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What the trainer said, for programs."""
    assert run([*arguments, "anna@example.org", "--json"]) == 0
    assert trainer.asked == [{"users": ["anna@example.org"]}]
    assert json.loads(capsys.readouterr().out) == {"users": [ANNA]}


def test_a_user_fails(
    trainer: Server, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are shown, and the exit code is 1 with who and why."""
    trainer.lines = [BEN, ANNA, END]
    assert run(arguments) == 1
    said = capsys.readouterr()
    assert "1 of 2 users" in said.out
    assert "ben@example.org: spamd does not answer" in said.err


def test_a_user_who_is_not_there(
    trainer: Server, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Is an error when named, and none when removed during everybody's training."""
    trainer.lines = [{**ANNA, "gone": True}, END]
    assert run(arguments) == 0
    assert "removed meanwhile" in capsys.readouterr().out
    assert run([*arguments, "anna@example.org"]) == 1
    assert "there is no such user" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([ANNA], "broke off"),
        ([{"event": "failed", "failed": "couchmail does not answer"}, END], "couchmail"),
    ],
)
def test_nothing_comes_of_it(
    trainer: Server,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    lines: list[dict[str, object]],
    words: str,
) -> None:
    """A trainer that dies, or cannot begin, is an error."""
    trainer.lines = lines
    assert run(arguments) == 1
    assert words in capsys.readouterr().err


def test_no_trainer(
    trainer: Server, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Says what to look at."""
    trainer.shutdown()
    trainer.server_close()
    assert run(arguments) == 1
    assert "the trainer does not run; see 'mailstack status'" in capsys.readouterr().err


def test_in_the_trainers_container_its_own_port_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the ports of a machine are shifted by is nothing to a container."""
    (tmp_path / "secure").mkdir()
    (tmp_path / "secure" / "api.token").write_text("token\n")
    config = tmp_path / "mailstack.toml"
    config.write_text('domain = "example.org"\nemail = "owner@example.net"\n')
    invocation = Invocation(config, tmp_path, ("listen.port_offset=20000",))
    port = STACK.service("trainer").port("http")
    assert Trainer.of(invocation).endpoint == Endpoint("127.0.0.1", port.number + 20_000)
    monkeypatch.setenv("MAILSTACK_ENGINE", "pod")
    assert Trainer.of(invocation).endpoint == Endpoint("127.0.0.1", port.inside)
