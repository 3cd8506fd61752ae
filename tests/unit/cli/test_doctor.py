"""How ``mailstack doctor`` and ``mailstack status`` show what was found."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mailstack.cli import doctor as command
from mailstack.cli import status
from mailstack.cli.invocation import Invocation
from mailstack.client import Client, UnixTransport
from mailstack.doctor.context import Context, Found
from mailstack.doctor.registry import Entry
from mailstack.errors import MailstackError
from mailstack.findings import Finding
from mailstack.settings import Settings

SETTINGS = Settings(email="owner@example.net", domain="example.org")
INVOCATION = Invocation(Path("/nowhere/mailstack.toml"), Path("/nowhere/var"))
LONG = "the certificate of " + ", ".join(f"service{number}.port" for number in range(12))
FOUND = (
    Finding("ok", "queue", "empty"),
    Finding("failure", "tls.expiry", LONG, "programs refuse it", "mailstack certificate renew"),
    Finding("unknown", "clock", "could not ask: no answer"),
)


class Couchmail(Client):
    """Keeps what it is given, or is not there."""

    def __init__(self, *, there: bool) -> None:
        super().__init__(UnixTransport(Path("/nowhere/api.sock")))
        self.there = there
        self.kept: dict[str, Any] = {}

    def call(
        self,
        method: str,
        *segments: str,
        query: Mapping[str, str] | None = None,
        document: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - nobody looks at it
        del query, headers
        if not self.there:
            raise MailstackError("couchmail is not running")
        assert (method, segments) == ("PUT", ("findings",))
        assert isinstance(document, dict)
        self.kept = document


@pytest.fixture
def couchmail(monkeypatch: pytest.MonkeyPatch) -> Couchmail:
    """One check that finds ``FOUND``, and a couchmail that keeps it."""

    async def check(_: Context) -> Found:
        return list(FOUND)

    here = Couchmail(there=True)
    context = Context(SETTINGS, INVOCATION.state, (), None, remote=here)
    monkeypatch.setattr(command, "CHECKS", (Entry("all", "Group", check),))
    monkeypatch.setattr(command, "_context", lambda _: context)
    return here


def test_each_finding_in_80_columns(
    couchmail: Couchmail, capsys: pytest.CaptureFixture[str]
) -> None:
    """Severity, key, what, what it means; below it the fix. A whole run is kept."""
    assert command.doctor(INVOCATION, [], fast=False, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[:2] == ["Group", "  ok      queue: empty"]
    assert lines[2].startswith("  failure tls.expiry: the certificate of service0.port,")
    assert "          → mailstack certificate renew" in lines
    assert lines[-1] == "1 ok, 0 warning, 1 failure, 1 unknown"
    assert couchmail.kept["checks"]["all"]["failure"] == 1


def test_what_cannot_be_kept_is_shown_all_the_same(
    couchmail: Couchmail, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without couchmail the owner sees the findings, and why status does not."""
    couchmail.there = False
    assert command.doctor(INVOCATION, [], fast=False, as_json=True)
    told = capsys.readouterr()
    assert [f["key"] for f in json.loads(told.out)["findings"]] == [f.key for f in FOUND]
    assert "status and metrics do not learn of this: couchmail is not running" in told.err


def test_a_part_of_an_examination_is_not_kept(couchmail: Couchmail) -> None:
    """The last whole one stays."""
    command.doctor(INVOCATION, ["all"], fast=False, as_json=True)
    command.doctor(INVOCATION, [], fast=True, as_json=True)
    assert couchmail.kept == {}


def test_by_the_clock(couchmail: Couchmail, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each finding that is not ok; that it cannot be kept is the one error."""
    command.by_the_clock(INVOCATION)
    assert capsys.readouterr().out.splitlines() == [
        f"doctor: failure: tls.expiry: {LONG}",
        "doctor: unknown: clock: could not ask: no answer",
    ]
    assert [f["key"] for f in couchmail.kept["findings"]] == ["tls.expiry", "clock"]
    couchmail.there = False
    with pytest.raises(MailstackError):
        command.by_the_clock(INVOCATION)


def test_status_shows_the_last_one(capsys: pytest.CaptureFixture[str]) -> None:
    """When it was, how many of each, and the worst in words."""
    worst = [finding.as_json() for finding in FOUND if finding.severity != "ok"]
    summary = {"ok": 1, "warning": 0, "failure": 1, "unknown": 1}
    status._examined({"at": 1_795_000_000, "summary": summary, "findings": worst})
    lines = capsys.readouterr().out.splitlines()
    assert "1 failure, 1 unknown; mailstack doctor says more" in lines[0]
    assert lines[1].startswith("  failure: tls.expiry: the certificate of service0.port,")
    assert max(map(len, lines)) <= 80
    status._examined(None)
    assert capsys.readouterr().out == ""
