"""Octets into bounded lines."""

from hypothesis import given
from hypothesis import strategies as st

from mailstack.aio.lines import LineSplitter


def cut(pieces: list[bytes], max_octets: int = 8192) -> list[str]:
    splitter = LineSplitter(max_octets)
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return [*lines, *splitter.rest()]


def test_lines_and_rest() -> None:
    """Lines end at a newline, the carriage return before it goes, the rest counts at the end."""
    assert cut([b"a\r\nb", b"c\n\nd"]) == ["a", "bc", "", "d"]


def test_long_lines_are_cut() -> None:
    """A line without an end takes no more memory than the longest line."""
    assert cut([b"x" * 10], 4) == ["xxxx", "xxxx", "xx"]
    assert cut([b"x" * 10 + b"\n"], 4) == ["xxxx", "xxxx", "xx"]


def test_not_text() -> None:
    """Whatever a daemon prints becomes text."""
    assert cut([b"\xff\xfe\n"]) == ["��"]


@given(st.binary(max_size=200), st.lists(st.integers(1, 20), max_size=50))
def test_cut_anywhere(stream: bytes, sizes: list[int]) -> None:
    """How the stream is cut into pieces does not change its lines."""
    pieces, rest = [], stream
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert cut([*pieces, rest]) == cut([stream])


@given(st.binary(max_size=200), st.integers(1, 20))
def test_never_longer_than_allowed(stream: bytes, max_octets: int) -> None:
    """No line exceeds the limit (a broken octet shows as one character of three octets)."""
    assert all(len(line) <= max_octets for line in cut([stream], max_octets))
