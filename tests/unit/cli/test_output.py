"""Tables, and the bar for what takes long."""

import io
import itertools

import pytest

from mailstack.cli.bar import bar
from mailstack.cli.output import say_table


class Terminal(io.StringIO):
    """A stream that says a person is watching."""

    def isatty(self) -> bool:
        return True


def test_a_person_gets_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a table has headings, and brackets in a cell are no markup."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    say_table(("user", "quota"), [("anna@example.org", "[red]")])
    lines = [line.split() for line in terminal.getvalue().splitlines()]
    assert lines[-1] == ["anna@example.org", "[red]"]
    assert len(lines) == 2


def test_a_pipe_gets_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets one row a line, cells between tabs, and nothing else."""
    say_table(("user", "quota"), [("a", "1"), ("b", "2")])
    assert capsys.readouterr().out == "a\t1\nb\t2\n"


def test_a_bar_appears_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes longer than a second shows how far it is; on a terminal only."""
    clock = itertools.count(step=0.6)
    monkeypatch.setattr("mailstack.cli.bar.monotonic", lambda: next(clock))
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with bar("importing", 3) as advance:
        advance(1)
        assert terminal.getvalue() == ""
        advance(1)
    assert "importing" in terminal.getvalue()


def test_no_bar_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no person watches, nothing is drawn."""
    clock = itertools.count(step=10)
    monkeypatch.setattr("mailstack.cli.bar.monotonic", lambda: next(clock))
    with bar("importing", 2) as advance:
        advance(1)
        advance(1)
    assert capsys.readouterr().err == ""
