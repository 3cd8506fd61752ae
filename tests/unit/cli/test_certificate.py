"""``mailstack certificate renew`` where a service keeps the certificate in order."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mailstack.cli.__main__ import run
from mailstack.letsencrypt.errand import Result
from mailstack.topology.stack import STACK

HTTP = STACK.service("letsencrypt").port("http").number
TOKEN = "token of the stack"
ISSUED = Result(
    *("issued", "", 0.0, 1_700_000_000.0, 1_800_000_000.0, 1_760_000_000.0),
    issuer="CN=Some authority",
    names=("mail.example.org",),
    dropped={"mta-sts.example.org": "NXDOMAIN"},
)


class Service:
    """Answers as the resident one does."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = 200, ISSUED.encode()
        self.asked: list[tuple[str, str | None, bytes]] = []


def _free(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Listen where a shifted stack may, which is below the ports that the kernel lends."""
    for port in range(HTTP + 15_000, HTTP + 20_000):
        with suppress(OSError):
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
    raise AssertionError("no port is free")


@contextmanager
def _serving(service: Service) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.asked.append((self.path, self.headers["Authorization"], body))
            self.send_response(service.answer[0])
            self.end_headers()
            self.wfile.write(service.answer[1])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    with _free(Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def arguments(tmp_path: Path, service: Service) -> Iterator[list[str]]:
    """Global options of a stack whose service is ``service``."""
    secure = tmp_path / "var" / "secure"
    secure.mkdir(parents=True)
    (secure / "api.token").write_text(f"{TOKEN}\n")
    config = tmp_path / "mailstack.toml"
    config.write_text('domain = "example.org"\nemail = "owner@example.net"\n')
    with _serving(service) as port:
        offset = f"--set=listen.port_offset={port - HTTP}"
        places = [f"--config={config}", f"--state={tmp_path / 'var'}"]
        yield [*places, offset, "--set=acme.enabled=true"]


def test_the_service_is_asked(
    arguments: list[str], service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has port 80 and the account: the command passes on the wish, and shows what came of it."""
    assert run([*arguments, "certificate", "renew", "--force", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert service.asked == [("/renew", f"Bearer {TOKEN}", b'{"force": true}')]
    assert (told["renewed"], told["names"]) == (True, ["mail.example.org"])
    assert told["issuer"] == "CN=Some authority"
    assert told["dropped"] == {"mta-sts.example.org": "NXDOMAIN"}
    assert told["expires"].startswith("2027-01-15")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, Result("failed", "the authority is away; wait").encode()), "away; wait"),
        ((200, Result("owners").encode()), "is your own, and stays"),
        ((401, b"the stack's token is needed\n"), "letsencrypt refuses: the stack's token"),
        ((200, b"nonsense\n"), "letsencrypt broke off"),
    ],
)
def test_what_it_says_is_one_line(
    arguments: list[str],
    service: Service,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, bytes],
    words: str,
) -> None:
    """Whatever it answers is the command's reason, and its exit code."""
    service.answer = answer
    assert run([*arguments, "certificate", "renew"]) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_without_the_service(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it does not run the command begins an order itself, for a stack that has been up."""
    (tmp_path / "var" / "secure" / "api.token").unlink()
    assert run([*arguments, "certificate", "renew"]) == 1
    assert "there is no certificate yet; start the stack" in capsys.readouterr().err
