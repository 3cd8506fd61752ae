"""``mailstack init``."""

from pathlib import Path

import pytest

from mailstack.cli.__main__ import run
from mailstack.settings_file import load


def init(folder: Path, domain: str = "example.org", email: str = "owner@example.net") -> int:
    return run(["init", domain, "--email", email, "--config", str(folder / "mailstack.toml")])


def test_it_writes_a_file_and_says_what_is_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After init there is a file to start from, and a list of DNS records and commands."""
    assert init(tmp_path, domain="Example.ORG") == 0
    assert load(tmp_path / "mailstack.toml").domain == "example.org"
    told = capsys.readouterr().out
    for words in ("MX   10 mail.example.org.", "TCP ports 25, 80, 143", "mailstack up --detach"):
        assert words in told


def test_the_owner_may_live_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An address in the domain itself needs a mailbox, and it is the first one to make."""
    assert init(tmp_path, email="owner@Example.org") == 0
    told = capsys.readouterr().out
    assert "user add owner@example.org" in told
    assert "until it is there, mail to postmaster@ waits" in told


def test_it_does_not_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A settings file that is there stays as it is."""
    (tmp_path / "mailstack.toml").write_text("mine")
    assert init(tmp_path) == 1
    assert (tmp_path / "mailstack.toml").read_text() == "mine"
    assert "is there already, and was not changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("domain", "email", "words"),
    [
        ("nodot", "owner@example.net", "domain: 'nodot' is not a domain name"),
        ("example.org", "owner", "email: 'owner' is not an address"),
    ],
)
def test_bad_answers_write_nothing(
    tmp_path: Path, domain: str, email: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong domain or address is told before anything is written."""
    assert init(tmp_path, domain, email) == 1
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that cannot be written is one line, not a traceback."""
    assert init(tmp_path / "none") == 1
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
