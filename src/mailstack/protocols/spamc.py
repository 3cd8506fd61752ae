"""The SPAMC protocol: one request per connection, one response. No sockets.

A request is a line ``METHOD SPAMC/1.5``, header fields, an empty line, the message. A response is
a line ``SPAMD/VERSION CODE TEXT``, header fields, an empty line, and a body of ``Content-length``
octets. Only what we need is here: HEADERS, which returns the rewritten header of
the message and not its body, TELL, which teaches, and PING. Source: PROTOCOL and spamd of
SpamAssassin 4.0.1.
"""

import re
from dataclasses import dataclass
from typing import Final

from mailstack.errors import ProtocolError

MAX_HEAD: Final = 8192
"""Octets of a response before its body; spamd writes about a hundred."""

_STATUS: Final = re.compile(rb"SPAMD/[0-9.]{1,8} ([0-9]{1,3}) ?(.*)")
_SPAM: Final = re.compile(
    rb"(True|Yes|False|No)\s*;\s*(-?[0-9]{1,7}(?:\.[0-9]{1,4})?)\s*/\s*(-?[0-9]{1,7}(?:\.[0-9]{1,4})?)",
    re.IGNORECASE,
)
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")

PING: Final = b"PING SPAMC/1.5\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Scored:
    """spamd's answer to HEADERS."""

    is_spam: bool
    score: float
    threshold: float
    header: bytes
    """The header of the message as spamd would have it, with spamd's line ends."""


def headers_request(message: bytes, *, user: bytes, envelope: bytes = b"") -> bytes:
    """Ask for the verdict on ``message`` by the rules and training of ``user``.

    ``envelope`` is header text put in front of the message, and counted with it.

    Raises:
        ValueError: ``user`` holds a control character.
    """
    head = b"HEADERS SPAMC/1.5\r\nUser: %s\r\nContent-length: %d\r\n\r\n"
    return head % (_checked_name(user), len(envelope) + len(message)) + envelope + message


@dataclass(frozen=True, slots=True)
class Told:
    """spamd's answer to TELL."""

    learnt: bool
    """Whether the message changed the database. It does not when it was learnt so before, nor
    when the database could not be opened: spamd answers both alike."""


def tell_request(message: bytes, *, user: bytes, spam: bool) -> bytes:
    """Teach ``user``'s database that ``message`` is spam, or that it is not.

    What was learnt as the other before is forgotten first, by SpamAssassin itself.

    Raises:
        ValueError: ``user`` holds a control character.
    """
    head = (
        b"TELL SPAMC/1.5\r\nUser: %s\r\nMessage-class: %s\r\nSet: local\r\n"
        b"Content-length: %d\r\n\r\n"
    )
    kind = b"spam" if spam else b"ham"
    return head % (_checked_name(user), kind, len(message)) + message


def _checked_name(user: bytes) -> bytes:
    if _CONTROL.search(user):
        raise ValueError(f"a control character in the user's name {user!r}")
    return user


class ResponseReader:
    """Collects one response. Make one per connection."""

    __slots__ = ("_buffer", "_max_octets")

    def __init__(self, max_octets: int) -> None:
        """``max_octets``: the longest response that is read to its end."""
        self._buffer = bytearray()
        self._max_octets = max_octets

    def feed(self, data: bytes) -> None:
        """Take what arrived.

        Raises:
            ProtocolError: more than ``max_octets``.
        """
        self._buffer += data
        if len(self._buffer) > self._max_octets:
            raise ProtocolError(f"a response of more than {self._max_octets} octets")

    def pong(self) -> bool:
        """Whether the response to PING has arrived.

        Raises:
            ProtocolError: it is another one.
        """
        line, newline, _ = bytes(self._buffer).partition(b"\r\n")
        if not newline:
            self._expect_end_of_head(-1)
            return False
        if _checked_status(line) != b"PONG":
            raise ProtocolError(f"not a PONG: {line[:64]!r}")
        return True

    def scored(self) -> Scored | None:
        """The answer to HEADERS, or ``None`` when more octets are needed.

        Raises:
            ProtocolError: not a response, one that reports a failure, or one without a score.
        """
        end = self._buffer.find(b"\r\n\r\n")
        self._expect_end_of_head(end)
        if end < 0:
            return None
        status, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        _checked_status(status)
        fields = _fields(lines)
        body = bytes(self._buffer[end + 4 :])
        length = _content_length(fields)
        return None if len(body) < length else _score(fields, body[:length])

    def told(self) -> Told | None:
        """The answer to TELL, which has no body, or ``None`` when more octets are needed.

        Raises:
            ProtocolError: not a response, or one that reports a failure.
        """
        end = self._buffer.find(b"\r\n\r\n")
        self._expect_end_of_head(end)
        if end < 0:
            return None
        _, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        did = _fields(lines).get(b"didset", b"")
        return Told(b"local" in (word.strip() for word in did.split(b",")))

    def _expect_end_of_head(self, end: int) -> None:
        """Refuse a failure and garbage early: after those no further octet may come."""
        line, newline, _ = bytes(self._buffer[:MAX_HEAD]).partition(b"\r\n")
        if newline:
            _checked_status(line)
        if end > MAX_HEAD or (end < 0 and len(self._buffer) > MAX_HEAD):
            raise ProtocolError(f"a response whose head has more than {MAX_HEAD} octets")


def _checked_status(line: bytes) -> bytes:
    match = _STATUS.fullmatch(line)
    if match is None:
        raise ProtocolError(f"not a response of spamd: {line[:64]!r}")
    if int(match[1]) != 0:
        raise ProtocolError(f"spamd reports {match[1].decode()} {match[2][:200]!r}")
    return match[2].strip()


def _fields(lines: list[bytes]) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _content_length(fields: dict[bytes, bytes]) -> int:
    value = fields.get(b"content-length", b"")
    if not value.isdigit() or len(value) > 12:  # noqa: PLR2004 - a terabyte
        raise ProtocolError(f"a response without a usable Content-length: {value[:64]!r}")
    return int(value)


def _score(fields: dict[bytes, bytes], body: bytes) -> Scored:
    match = _SPAM.fullmatch(fields.get(b"spam", b""))
    if match is None:
        raise ProtocolError(f"a response without a score: {fields.get(b'spam', b'')[:64]!r}")
    return Scored(match[1].lower() in (b"true", b"yes"), float(match[2]), float(match[3]), body)
