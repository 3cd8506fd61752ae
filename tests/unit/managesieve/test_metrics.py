"""How an answer is counted."""

import pytest

from mailstack.managesieve.metrics import SieveMetrics
from mailstack.protocols.managesieve import Atom, Malformed


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (b"OK\r\n", "ok"),
        (b'"main" ACTIVE\r\nOK "done"\r\n', "ok"),
        (b'NO (QUOTA/MAXSIZE) "no"\r\n', "refused"),
        (b'NO (TRYLATER) "later"\r\n', "later"),
        (b'BYE "bye"\r\n', "refused"),
        (b'""\r\n', "more"),
    ],
)
def test_results(said: bytes, result: str) -> None:
    """The last line decides."""
    metrics = SieveMetrics()
    metrics.answered((Atom("LISTSCRIPTS"),), said)
    assert metrics.commands.counts["LISTSCRIPTS", result] == 1


def test_names() -> None:
    """Only commands of the protocol are names."""
    metrics = SieveMetrics()
    for line in ((Atom("X"),), (), (b"NOOP",), Malformed("no")):
        metrics.answered(line, b"NO\r\n")
    assert metrics.commands.counts["other", "refused"] == 4
