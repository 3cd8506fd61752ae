"""What a person sees of a demonstration."""

import io

import pytest
from rich.console import Console

from mailstack.demo.report import Report
from mailstack.demo.steps import Result, Step

STEP: Step[None] = Step("Ham [1]", "it passes", lambda _: "")
GOOD = Result("Ham [1]", "it passes", succeeded=True, detail="in the [Inbox]", seconds=1.25)
BAD = Result("Spam", "it is filed", succeeded=False, detail="it is not", seconds=0.5)
MISSED = Result("Alias", "it leads on", succeeded=False, detail="", seconds=0, tried=False)


@pytest.fixture
def plain() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(plain: io.StringIO) -> Report:
    return Report(Console(file=plain, width=100, highlight=False))


def test_without_a_terminal_there_are_plain_lines(report: Report, plain: io.StringIO) -> None:
    """A log file gets no colours and no clock, and brackets are no markup."""
    report.begin(STEP)
    report.end(GOOD)
    report.end(BAD)
    report.end(MISSED)
    assert plain.getvalue() == (
        "ok  Ham [1]: it passes  1.2 s\n      in the [Inbox]\n"
        "FAILED  Spam: it is filed  0.5 s\n      it is not\n"
    )


def test_on_a_terminal_the_running_step_is_shown_and_taken_back() -> None:
    """The line of the running step goes when the step has ended."""
    shown = io.StringIO()
    report = Report(Console(file=shown, force_terminal=True, width=80))
    report.begin(STEP)
    report.end(GOOD)
    assert "Ham [1] …" in shown.getvalue()
    assert report._status is None


def test_the_summary_counts_what_succeeded(report: Report, plain: io.StringIO) -> None:
    """Every step has its line, also what was not tried."""
    report.summary([GOOD, BAD, MISSED])
    text = plain.getvalue()
    assert "1 of 3 steps succeeded in 1.8 s" in text
    assert all(word in text for word in ("ok", "FAILED", "not tried", "it leads on"))


def test_memory_is_summed(report: Report, plain: io.StringIO) -> None:
    """The table ends with the whole stack; what cannot be measured is a dash."""
    report.memory(
        {
            "spamd": {"pss_kib": 2048, "rss_kib": 4096},
            "postfix": {"pss_kib": 1024, "rss_kib": None},
        }
    )
    lines = [line.split() for line in plain.getvalue().splitlines() if line.strip()]
    assert ["postfix", "1.0", "MiB", "-"] in lines
    assert ["in", "all", "3.0", "MiB", "4.0", "MiB"] in lines
