"""The two lines between the resident process and the one that orders."""

import pytest

from mailstack.errors import ProtocolError
from mailstack.letsencrypt.errand import MAX_LINE, Result, Wish
from mailstack.letsencrypt.names import MAX_NAMES

WISH = Wish(("mail.example.org",), force=True, complete=True)
RESULT = Result(
    *("failed", "no", 3.5, 1.0, 2.0, 1.5),
    issuer="CN=a",
    first=True,
    names=("a.example",),
    asked=("a.example", "b.example"),
    dropped={"b.example": "why"},
)


def test_both_are_read_as_they_were_written() -> None:
    """Every field arrives, in one line each."""
    assert Wish.decode(WISH.encode()) == WISH
    assert Result.decode(RESULT.encode()) == RESULT
    assert WISH.encode().count(b"\n") == RESULT.encode().count(b"\n") == 1


def test_the_longest_fits() -> None:
    """A hundred names of the longest kind, half of them left out, fit into a line."""
    names = tuple(f"{'x' * 60}.{number}.example" for number in range(MAX_NAMES))
    dropped = dict.fromkeys(names[:50], "y" * 300)
    result = Result("issued", names=names, asked=names, dropped=dropped)
    assert len(result.encode()) < MAX_LINE


@pytest.mark.parametrize(
    "line", [b"", b"[]\n", b"{}\n", b"nonsense\n", b'{"names": 1, "force": 0, "complete": 0}\n']
)
def test_everything_else_is_refused(line: bytes) -> None:
    """What is neither is a broken protocol."""
    for kind in (Wish, Result):
        with pytest.raises(ProtocolError):
            kind.decode(line)


def test_an_unknown_outcome_is_refused() -> None:
    """A word that nobody knows is no outcome."""
    with pytest.raises(ProtocolError):
        Result.decode(RESULT.encode().replace(b"failed", b"perhaps"))
