"""A wrong configuration is refused and the old one goes on; a good one is in force soon."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from tests.e2e.stack import Stack
from tests.e2e.traffic import flowing, wait_until


@dataclass(frozen=True)
class Mistake:
    """An override that its daemon refuses, on its second line, and a word of the daemon's own."""

    file: str
    text: str
    word: str

    @property
    def service(self) -> str:
        return self.file.partition("/")[0]


MISTAKES = (
    Mistake("postfix/main.cf", "# mine\nsmtpd_recipient_limit = many\n", "is not a number"),
    Mistake("dovecot/mine.conf", "# mine\nmail_plugin = quota\n", "Unknown setting"),
    Mistake("spamd/mine.cf", "# mine\nscore\n", "score"),
    Mistake("opendkim/opendkim.conf", "# mine\nMinimumKeyBit 1024\n", "unrecognized parameter"),
    Mistake("resolver/mine.conf", "# mine\nserver: cache-max-tll: 5\n", "unknown keyword"),
)
RELOADS = {
    "postfix/main.cf": "smtpd_banner = $myhostname ESMTP {turn}\n",
    "dovecot/mine.conf": "login_greeting = hello {turn}\n",
    "spamd/mine.cf": "score MISSING_SUBJECT 0.{turn}\n",
    "opendkim/opendkim.conf": "SignatureTTL 90000{turn}\n",
    "postgrey/whitelist_clients": "192.0.2.{turn}\n",
    "resolver/mine.conf": "server:\n    cache-max-ttl: 8640{turn}\n",
}
RELOADED = ("postfix", "dovecot", "spamd", "resolver")
"""What takes a new configuration without another process."""


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.service)
def test_config_bad_is_refused_and_rolled_back(stack: Stack, mistake: Mistake) -> None:
    """Status and log name file, line and the daemon's words; the daemon runs on as before."""
    before = stack.status()["services"][mistake.service]["pid"]
    sizes = stack.log_sizes()
    with overridden(stack, {mistake.file: mistake.text}):
        wait_until(lambda: _config(stack, mistake.service)["state"] == "refused")
        reason = _config(stack, mistake.service)["reason"]
        assert f"{mistake.file}:2" in reason, reason
        assert mistake.word in reason, reason
        assert reason in stack.log_since(sizes)[mistake.service]
        after = stack.status()["services"][mistake.service]
        assert (after["state"], after["pid"]) == ("healthy", before)
        assert stack.send(stack.user().address, "goes on").code == 250
    wait_until(lambda: _config(stack, mistake.service)["state"] == "accepted")


def test_a_good_override_is_soon_in_force(stack: Stack, measured: Callable[[str], None]) -> None:
    """A changed file is read by the daemon without a restart and without a command."""
    before = stack.pid("postfix")
    banner = stack.fresh("banner")
    began = time.monotonic()
    with added(stack, {"postfix/main.cf": f"smtpd_banner = $myhostname ESMTP {banner}\n"}):
        wait_until(lambda: banner in _greeting(stack))
        measured(f"override → in force: {time.monotonic() - began:.2f} s")
        assert stack.pid("postfix") == before
    wait_until(lambda: banner not in _greeting(stack))


def test_reload_under_load_no_loss(stack: Stack) -> None:
    """While mail flows every service gets another configuration: nothing is lost or refused."""
    user, before = stack.user(), stack.status()["services"]
    with flowing(stack, user, pause_s=0.02) as traffic:
        traffic.wait_for(10)
        for turn in (1, 2):
            with added(stack, {file: text.format(turn=turn) for file, text in RELOADS.items()}):
                traffic.wait_for(30)
        traffic.wait_for(10)
        stack.wait_healthy()
    assert traffic.check() == 0
    after = stack.status()["services"]
    assert [after[name]["pid"] for name in RELOADED] == [before[name]["pid"] for name in RELOADED]
    assert all(one["config"]["state"] == "accepted" for one in after.values())


@contextmanager
def overridden(stack: Stack, files: Mapping[str, str]) -> Iterator[None]:
    """Have these overrides during the block, and afterwards those from before."""
    paths = {stack.state / "overrides" / file: text for file, text in files.items()}
    before = {path: path.read_text() for path in paths if path.exists()}
    for file, text in files.items():
        stack.override(file, text)
    try:
        yield
    finally:
        for path in paths:
            if path in before:
                path.write_text(before[path])
            else:
                path.unlink()


@contextmanager
def added(stack: Stack, files: Mapping[str, str]) -> Iterator[None]:
    """Add these lines to the overrides during the block."""
    folder = stack.state / "overrides"
    old = {file: (folder / file).read_text() for file in files if (folder / file).exists()}
    with overridden(stack, {file: old.get(file, "") + text for file, text in files.items()}):
        yield


def _config(stack: Stack, service: str) -> dict[str, str]:
    config: dict[str, str] = stack.status()["services"][service]["config"]
    return config


def _greeting(stack: Stack) -> str:
    with stack.connect(port="submission") as connection:
        return connection.recv(1024).decode()
