"""Completion of a command line by the shell."""

from pathlib import Path

import pytest
from tests.unit.cli.conftest import Mailstack

from mailstack.cli.__main__ import run


def complete(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """Ask as bash does, with the cursor at the end of ``words``."""
    monkeypatch.setenv("_MAILSTACK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    with pytest.raises(SystemExit):
        run([])
    return capsys.readouterr().out.split()


def test_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Names of commands are completed without starting one."""
    assert complete("mailstack do", monkeypatch, capsys) == ["doctor", "down", "domain"]
    assert complete("mailstack user sh", monkeypatch, capsys) == ["show"]


def test_addresses_of_the_running_stack(
    mailstack: Mailstack,
    couchmail: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Users, aliases and domains are those of couchmail at this moment."""
    mailstack("user", "add", "carla@example.org")
    mailstack("alias", "add", "carpool@example.org", "carla@example.org")
    begin = f"mailstack --state {couchmail}"
    assert complete(f"{begin} user show car", monkeypatch, capsys) == ["carla@example.org"]
    assert complete(f"{begin} alias set car", monkeypatch, capsys) == ["carpool@example.org"]
    assert complete(f"{begin} domain show exa", monkeypatch, capsys) == ["example.org"]


def test_without_a_stack_there_is_nothing_to_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stack that does not run costs a completion, and prints no error into the prompt."""
    assert complete(f"mailstack --state {tmp_path} user show a", monkeypatch, capsys) == []
    assert capsys.readouterr().err == ""
