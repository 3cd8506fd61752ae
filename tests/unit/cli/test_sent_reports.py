"""``mailstack reports sent`` and ``send``: both kinds, or what is there of them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailstack.cli import reports as told
from mailstack.cli.app import app
from mailstack.reports import kept
from mailstack.reports.tls import kept as tls_kept


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """One report of each kind; that of TLS went first."""
    dmarc = tmp_path / "data/contentfilter/usage/reports"
    tls = tmp_path / "data/postfix/spool/tlsrpt/reports"
    for folder in (dmarc, tls):
        folder.mkdir(parents=True)
    theirs = kept.Sent(2000, "a.example", "one", 0, 1, 7, "rua@a.example", "sent")
    kept.save(dmarc, kept.Kept(sent=[theirs]))
    ours = tls_kept.Sent(1000, "b.example", "two", 0, 1, 9, "https://b.example", "refused: 404")
    tls_kept.save(tls, tls_kept.Kept(sent=[ours]))
    return tmp_path


def run(state: Path, *arguments: str) -> str:
    """Return what the command prints."""
    result = CliRunner().invoke(app, ["--state", str(state), "reports", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_both_kinds(state: Path) -> None:
    """By time; each says what it is and what it counted."""
    found = json.loads(run(state, "sent", "--json"))
    assert [(one["kind"], one["domain"]) for one in found] == [
        ("tls", "b.example"),
        ("dmarc", "a.example"),
    ]
    assert (found[0]["sessions"], found[1]["messages"]) == (9, 7)
    table = run(state, "sent")
    assert "https://b.example" in table
    assert "rua@a.example" in table


def test_one_domain(state: Path) -> None:
    """The others are left out."""
    (only,) = json.loads(run(state, "sent", "b.example", "--json"))
    assert only["outcome"] == "refused: 404"
    assert "no report about c.example" in run(state, "sent", "c.example")


def test_a_container_has_one_kind(state: Path) -> None:
    """That one is shown."""
    for path in sorted((state / "data/contentfilter").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (only,) = json.loads(run(state, "sent", "--json"))
    assert only["kind"] == "tls"


def test_neither_is_here(tmp_path: Path) -> None:
    """One line says where to run it."""
    for command in ("sent", "send"):
        result = CliRunner().invoke(app, ["--state", str(tmp_path), "reports", command])
        assert result.exit_code != 0
    assert told.ADVICE.startswith("run it as root")
