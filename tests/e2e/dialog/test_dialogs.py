"""Plays every transcript of tests/dialogs/smtp against the real stack, several at a time."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.e2e.dialog.transcript import Transcript, play, read, variables
from tests.e2e.stack import Stack

TRANSCRIPTS = [
    read(file) for file in sorted((Path(__file__).parents[2] / "dialogs" / "smtp").glob("*.txt"))
]
_AT_ONCE = 8
"""Postfix lets one client have 25 sessions."""


@pytest.fixture(scope="module")
def played(shared_stack: Stack) -> Iterator[dict[str, Future[None]]]:
    """Begin every transcript; each test waits for its own."""
    names = variables(shared_stack, shared_stack.user())
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {t.name: pool.submit(play, shared_stack, t, names) for t in TRANSCRIPTS}


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript.name)
def test_transcript(stack: Stack, played: dict[str, Future[None]], transcript: Transcript) -> None:
    """The server says what the transcript says."""
    assert stack.state.exists()
    played[transcript.name].result(timeout=60)


def test_a_line_that_means_nothing_is_an_error(tmp_path: Path) -> None:
    """A typing mistake in a transcript must not go unnoticed."""
    (tmp_path / "x.txt").write_text("S 250\n")
    with pytest.raises(ValueError, match="'S 250' is no step"):
        read(tmp_path / "x.txt")
