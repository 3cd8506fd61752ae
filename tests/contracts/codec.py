"""Every reader of a byte stream must not care how the network cut the stream.

After h11's test suite: each case is read whole, octet by octet, and cut once at every place.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import pytest

from mailstack.errors import ProtocolError

T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    """The shape of every reader in ``protocols/``."""

    def feed(self, data: bytes) -> Iterable[T_co]: ...


def ways(stream: bytes) -> Iterator[Sequence[bytes]]:
    """Whole; octet by octet; in two pieces, cut at every place."""
    yield [stream]
    yield [stream[i : i + 1] for i in range(len(stream))]
    for cut in range(1, len(stream)):
        yield [stream[:cut], stream[cut:]]


def read(reader: Reader[T_co], pieces: Iterable[bytes]) -> list[T_co]:
    """Feed the pieces one after the other; return all that was read."""
    return [item for piece in pieces for item in reader.feed(piece)]


def read_every_way(
    make_reader: Callable[[], Reader[T_co]], stream: bytes, expected: Sequence[object]
) -> None:
    """Whole, octet by octet, and cut at every place: what is read must not differ."""
    for pieces in ways(stream):
        assert read(make_reader(), pieces) == list(expected), pieces


def read_until_fault(reader: Reader[T_co], pieces: Iterable[bytes]) -> tuple[list[T_co], bool]:
    """All that was read, and whether a fault ended it."""
    seen: list[T_co] = []
    try:
        for piece in pieces:
            for item in reader.feed(piece):
                seen.append(item)  # noqa: PERF402 - what was read before the fault must survive it
    except ProtocolError:
        return seen, True
    return seen, False


def refused_every_way(
    make_reader: Callable[[], Reader[object]],
    stream: bytes,
    error: type[ProtocolError],
    before: Sequence[object] = (),
) -> None:
    """The fault must be found however the stream is cut, after ``before`` was read."""
    for pieces in ways(stream):
        seen: list[object] = []
        with pytest.raises(error):
            _collect(make_reader(), pieces, seen)
        assert seen == list(before), pieces


def _collect(reader: Reader[object], pieces: Iterable[bytes], seen: list[object]) -> None:
    for piece in pieces:
        for item in reader.feed(piece):
            seen.append(item)  # noqa: PERF402 - what was read before the fault must survive it
