"""Netstrings: ``5:hello,``. The frame of the socketmap protocol.

Bytes in, payloads out; no socket. Strict, because a peer that errs here has lost its place in the
stream and nothing after the error can be trusted. Source: https://cr.yp.to/proto/netstrings.txt
"""

from collections.abc import Iterator

from mailstack.errors import ProtocolError

_MAX_DIGITS = 9
"""Of a length: 999,999,999 octets, the largest any reader here could be given as its limit."""
_COMMA = ord(",")
_ZERO = ord("0")


class BadLength(ProtocolError):
    """No decimal length, or one with leading zeros (which the specification forbids)."""


class BadTerminator(ProtocolError):
    """The payload is not followed by a comma."""


class TooLong(ProtocolError):
    """The announced payload is longer than the reader accepts."""


class Reader:
    """Splits one connection's byte stream into payloads. Make one per connection."""

    __slots__ = ("_buffer", "_max_octets")

    def __init__(self, max_octets: int) -> None:
        self._max_octets = max_octets
        self._buffer = b""

    def only(self, data: bytes) -> bytes | None:
        """Return the payload if ``data`` is exactly one netstring and no part of one waits.

        The usual case, at a third of the cost. On ``None`` nothing has been taken: feed it.
        """
        digits, _, rest = data.partition(b":")
        length = len(rest) - 1
        if self._buffer or digits != b"%d" % length or length > self._max_octets:
            return None
        return rest[:-1] if rest[-1:] == b"," else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every payload completed by ``data``; keep the rest for the next call.

        Exhaust the iterator before feeding again.

        Raises:
            BadLength, BadTerminator, TooLong: after the payloads before the fault were yielded.
        """
        buffer = self._buffer + data if self._buffer else data
        position = 0
        end = len(buffer)
        while position < end:
            colon = buffer.find(b":", position, position + _MAX_DIGITS + 1)
            if colon < 0:
                self._check_unfinished_length(buffer[position:])
                break
            start = colon + 1
            comma = start + self._length(buffer[position:colon])
            if comma >= end:
                break
            if buffer[comma] != _COMMA:
                raise BadTerminator(f"{buffer[comma : comma + 1]!r} where a comma was due")
            position = comma + 1
            yield buffer[start:comma]
        self._buffer = buffer[position:]

    def _length(self, digits: bytes) -> int:
        if not digits.isdigit() or (digits[0] == _ZERO and len(digits) > 1):
            raise BadLength(f"{digits!r} is not the length of a netstring")
        length = int(digits)
        if length > self._max_octets:
            raise TooLong(f"a netstring of {length} octets; the limit is {self._max_octets}")
        return length

    def _check_unfinished_length(self, digits: bytes) -> None:
        # In this order, or the name of the fault would depend on how the stream was cut.
        self._length(digits[:_MAX_DIGITS])
        if len(digits) > _MAX_DIGITS:
            raise BadLength(f"{digits[:16]!r} does not begin a netstring")


def encode(payload: bytes) -> bytes:
    """Frame ``payload``."""
    return b"%d:%b," % (len(payload), payload)
