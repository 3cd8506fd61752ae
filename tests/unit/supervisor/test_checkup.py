"""The examination by the clock: what it says is logged, and what hinders it, too."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mailstack.agent.options import Options
from mailstack.aio import command
from mailstack.aio.command import Finished
from mailstack.supervisor import checkup

OPTIONS = Options(Path("/etc/mailstack.toml"), Path("/srv/var"), ("domain=example.org",))


def finishing(monkeypatch: pytest.MonkeyPatch, outcome: Finished | Exception) -> list[list[str]]:
    """Have every command end like this; return what is run."""
    ran: list[list[str]] = []

    async def run(argv: Sequence[str], *, timeout_s: float, env: Mapping[str, str]) -> Finished:
        assert timeout_s
        assert "PYTHONPATH" in env
        ran.append(list(argv))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(command, "run", run)
    return ran


@pytest.mark.parametrize("status", [0, 1])
async def test_all_that_it_says_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Findings that are not ok, and why a check could not ask: line by line, whatever the code."""
    said = "doctor: relay: ConnectionError: port 25 says 421\ndoctor: failure: relay: open\n"
    (argv,) = [finishing(monkeypatch, Finished(status, said))]
    await checkup.examine(OPTIONS)
    assert caplog.messages == said.splitlines()
    assert argv[0][-3:] == ["--set=domain=example.org", "doctor", "--scheduled"]


async def test_what_it_says_is_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A domain with hundreds of wrong records fills no log."""
    finishing(monkeypatch, Finished(0, "doctor: a line\n" * 300))
    await checkup.examine(OPTIONS)
    assert len(caplog.messages) == 51
    assert caplog.messages[-1] == "doctor: 250 more lines"


@pytest.mark.parametrize(
    ("error", "told"),
    [(TimeoutError(), "doctor: did not end in time"), (OSError("no memory"), "doctor: no memory")],
)
async def test_what_hinders_it_is_logged(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    told: str,
) -> None:
    """The supervisor goes on."""
    finishing(monkeypatch, error)
    await checkup.examine(OPTIONS)
    assert caplog.messages == [told]
