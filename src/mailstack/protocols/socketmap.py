"""The socketmap protocol, as Postfix asks and as Postfix expects to be answered.

A request is one netstring ``NAME SP KEY``, a reply one netstring. Postfix sends one request and
waits; others may pipeline, so nothing here depends on it. What a name means is decided elsewhere.
Source: socketmap_table(5) of Postfix 3.7.
"""

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from mailstack.errors import ProtocolError
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols import netstring

MAX_REQUEST = 4096
"""Octets of one request. Postfix's line_length_limit keeps its keys below 2,048; a name is short,
and percent-encoding does not apply here, so the bound of tcp_table(5) is ample."""

MAX_REPLY = 100_000
"""Octets of one reply without its frame (socketmap_table(5), REPLY FORMAT)."""

NOT_FOUND = netstring.encode(b"NOTFOUND ")
TRY_AGAIN = netstring.encode(b"TEMP try again later")
TOO_LONG = netstring.encode(b"TEMP the answer is too long")
"""Temporary: the answer exists, so a permanent refusal would bounce mail that is deliverable."""
NO_SUCH_MAP = netstring.encode(b"PERM no such map here")
"""For a name that a port does not answer: a configuration that asks so will never get better.
Postfix treats PERM as an error of the table and defers, so this cannot bounce mail either."""


class BadRequest(ProtocolError):
    """A netstring without the space between name and key."""


class Request(NamedTuple):
    """One lookup. Both are as they came: any octets, not necessarily UTF-8."""

    name: bytes
    key: bytes


class RequestReader:
    """Splits one connection's byte stream into requests. Make one per connection."""

    __slots__ = ("_netstrings",)

    def __init__(self) -> None:
        self._netstrings = netstring.Reader(MAX_REQUEST)

    def only(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return name and key if ``data`` is exactly one request, as it is when Postfix asks.

        On ``None`` nothing has been taken: feed it, and learn what is wrong with it, if anything.
        """
        payload = self._netstrings.only(data)
        if payload is None:
            return None
        name, space, key = payload.partition(b" ")
        return (name, key) if space else None

    def feed(self, data: bytes) -> Iterator[Request]:
        """Yield every request completed by ``data``; keep the rest for the next call.

        Exhaust the iterator before feeding again.

        Raises:
            ProtocolError: not a netstring, too long, or no space in it.
        """
        for payload in self._netstrings.feed(data):
            name, space, key = payload.partition(b" ")
            if not space:
                raise BadRequest(f"no space in {payload[:64]!r}")
            yield Request(name, key)


def encode(outcome: Outcome[str]) -> bytes:
    """Spell an outcome as a reply. ``Unavailable`` says nothing of its reason to the peer."""
    match outcome:
        case Found(value):
            data = b"OK " + value.encode()
            return netstring.encode(data) if len(data) <= MAX_REPLY else TOO_LONG
        case NotFound():
            return NOT_FOUND
        case Unavailable():
            return TRY_AGAIN
        case _:
            assert_never(outcome)
