"""The tcp_table protocol, as Postfix asks and as Postfix expects to be answered.

A request is one line ``get SP KEY``, a reply one line ``CODE SP TEXT``; key and text are
percent-encoded. Our own Postfix uses socketmap, whose answers may be longer; this one is for
``tcp:`` tables of others. Source: tcp_table(5) of Postfix 3.7.
"""

import re
from collections.abc import Iterator
from typing import assert_never
from urllib.parse import unquote_to_bytes

from mailstack.errors import ProtocolError
from mailstack.outcome import Found, NotFound, Outcome, Unavailable

MAX_LINE = 4096
"""Octets in one line, newline included. tcp_table(5), REPLY FORMAT; used for requests too."""

NOT_FOUND = b"500 not%20found\n"
TRY_AGAIN = b"400 try%20again%20later\n"
TOO_LONG = b"400 the%20answer%20is%20too%20long\n"
"""Temporary: the answer exists, so 500 would bounce mail that is deliverable."""

_UNSAFE = re.compile(rb"[^\x21-\x24\x26-\x7e]")
"""Percent, white space, and what does not print (tcp_table(5), ENCODING)."""
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class LineTooLong(ProtocolError):
    """More than ``MAX_LINE`` octets without a newline."""


class BadRequest(ProtocolError):
    """Not ``get KEY``, or a key that is not percent-encoded as it must be."""


class RequestReader:
    """Splits one connection's byte stream into keys. Make one per connection."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded key of every request completed by ``data``; keep the rest.

        Exhaust the iterator before feeding again. A carriage return before the newline belongs
        to the line's end: people test with telnet.

        Raises:
            LineTooLong, BadRequest: after the keys before the fault were yielded.
        """
        buffer = self._buffer + data if self._buffer else data
        position = 0
        while (newline := buffer.find(b"\n", position, position + MAX_LINE)) >= 0:
            line = buffer[position:newline]
            position = newline + 1
            yield _key(line)
        self._buffer = buffer[position:]
        if len(self._buffer) >= MAX_LINE:
            raise LineTooLong(f"{MAX_LINE} octets without a newline")


def _key(line: bytes) -> bytes:
    if not line.startswith(b"get "):
        raise BadRequest(f"not a get request: {line[:64]!r}")
    key = line[4:].rstrip(b"\r")
    if b"%" not in key:
        return key
    if _BAD_ESCAPE.search(key):
        raise BadRequest(f"a stray percent sign in {line[:64]!r}")
    return unquote_to_bytes(key)


def encode(outcome: Outcome[str]) -> bytes:
    """Spell an outcome as a reply. ``Unavailable`` says nothing of its reason to the peer."""
    match outcome:
        case Found(value):
            line = b"200 " + escape(value.encode()) + b"\n"
            return line if len(line) <= MAX_LINE else TOO_LONG
        case NotFound():
            return NOT_FOUND
        case Unavailable():
            return TRY_AGAIN
        case _:
            assert_never(outcome)


def escape(text: bytes) -> bytes:
    """Percent-encode what tcp_table(5) demands, and nothing else."""
    return _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], text)
