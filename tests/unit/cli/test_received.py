"""What others reported, as a person at a terminal of 80 columns sees it, and a program."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console
from tests.unit.reports.test_received import report

from mailstack.cli import output, received
from mailstack.model.reports import Sessions, Source

GOOGLE = Source(
    "2001:4860:4864:20::2a", 1_234_567, True, True, "none", "home.example",  # noqa: FBT003
    name="mail-oa1-x2a.google.com",
)  # fmt: skip
FORGER = Source("203.0.113.77", 6, False, False, "quarantine", "news.home.example")  # noqa: FBT003


def summed(*sources: Source, **changes: object) -> received.Domain:
    (domain,) = received.summed([replace(report(), sources=sources, **changes)])  # type: ignore[arg-type]  # of any field
    return domain


class Terminal(io.StringIO):
    """Eighty columns wide."""

    def isatty(self) -> bool:
        return True


def drawn(domain: received.Domain, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "tmux-256color")
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    assert Console().width == 80
    output.say_table(*received.source_table(domain))
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()


def test_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server is one line or two; numbers and results are never cut."""
    lines = drawn(summed(GOOGLE, FORGER), monkeypatch)
    assert all(len(line.rstrip()) <= 80 for line in lines)
    text = "\n".join(lines)
    for word in (GOOGLE.name, GOOGLE.address, "1234567", FORGER.address, "quarantine", "From"):
        assert word in text
    assert len(lines) <= 5


def test_the_author_is_told_where_it_is_another() -> None:
    """The column is for subdomains alone."""
    assert "From" not in received.source_table(summed(GOOGLE))[0]
    assert "From" in received.source_table(summed(GOOGLE, FORGER))[0]


def test_a_summary() -> None:
    """How many were aligned and how many were not; never all of them for nearly all."""
    domain = summed(GOOGLE, FORGER, proven=False)
    told = "home.example: 1 reports, 1234573 messages, 99.9 % pass DMARC, 6 fail"
    assert received.summary(domain) == f"{told}; 1 of unproven origin"
    assert domain.reporters == ["google.com (unproven)"]
    sessions = (Sessions("success", 3, "sts", ""), Sessions("certificate-expired", 2, "sts", "mx"))
    told = received.summary(summed(sessions=sessions))
    assert told == "home.example: 1 reports, 5 TLS sessions, 2 failed"


def test_names_of_several_reports() -> None:
    """Counts of one server are added up, whether or not each report had its name."""
    unnamed = replace(GOOGLE, name="", messages=1)
    (domain,) = received.summed(
        replace(report(str(n)), sources=(one,)) for n, one in enumerate((GOOGLE, unnamed))
    )
    (row,) = received.source_rows(domain)
    assert (row[0], row[1], row[7]) == (GOOGLE.address, "1234568", GOOGLE.name)
    found = received.fields(domain, [])
    assert (found["failed"], found["sources"][0]["name"]) == (0, GOOGLE.name)
