"""Dovecot's own words, as it says them, and what an owner is told."""

from pathlib import Path

import pytest
from tests.golden.sites import site

from mailstack.daemons.dovecot import checker, sieve
from mailstack.errors import InvalidDocument, ServiceFailed

SITE = site("dovecot", version=(2, 3, 19))
STAGED = Path("/srv/mail/conf/dovecot/0007")
THEIRS = STAGED / "overrides" / "own.conf"
OVERRIDE = Path("/srv/mail/overrides/dovecot/own.conf")


@pytest.mark.parametrize(
    ("output", "file", "line", "words"),
    [
        (
            f"doveconf: Fatal: Error in configuration file {THEIRS} line 3: Unknown setting: x\n",
            OVERRIDE,
            3,
            "Unknown setting: x",
        ),
        (
            f"doveconf: Warning: old\ndoveconf: Error: {THEIRS}:7: bad\ndoveconf: Fatal: bad\n",
            OVERRIDE,
            7,
            "bad",
        ),
        (
            f"doveconf: Fatal: {STAGED}/x: Missing '}}' (section started at {THEIRS}:1)\n",
            OVERRIDE,
            1,
            "does not end",
        ),
        (
            f"doveconf: Fatal: Error in configuration file {STAGED}/dovecot.conf line 9: bad\n",
            STAGED / "dovecot.conf",
            9,
            "bad",
        ),
        (
            "doveconf: Fatal: Error in configuration file: ssl_cert: Can't open file /x\n",
            None,
            None,
            "ssl_cert: Can't open file /x",
        ),
        ("", None, None, "without a word"),
    ],
)
def test_refusal(output: str, file: Path | None, line: int | None, words: str) -> None:
    """The owner's file instead of its staged copy, the line, and the words."""
    error = checker.refusal(output, SITE, STAGED)
    assert (error.file, error.line) == (file, line)
    assert words in str(error)


def test_a_compiler_that_fails_is_not_the_users_fault() -> None:
    """Only an error in the script is the script's."""
    fault = sieve.refusal("script: line 2: error: missing semicolon.\nsievec: Fatal: failed\n")
    assert isinstance(fault, InvalidDocument)
    assert str(fault) == "the script does not compile: line 2: missing semicolon"
    assert isinstance(sieve.refusal("sievec: Fatal: out of memory\n"), ServiceFailed)
    assert isinstance(sieve.refusal(""), ServiceFailed)
