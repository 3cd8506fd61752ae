"""The milter protocol, version 6, as Postfix speaks it: what a filter hears and says. No sockets.

A packet is a length in four octets, most significant first, and so many octets: a letter and its
data. The mail server tells what a client said, step by step; at the end of the message it waits for
one answer. Only what a filter needs that looks at whole messages is here, and changes no more than
the header: after ``hello`` the server tells envelope, header and body without waiting for an answer
to each.
Sources: libmilter/mfdef.h of Sendmail 8.17 for the letters and bits, MILTER_README and
milter8.c of Postfix 3.7 for who says what when.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from mailstack.errors import ProtocolError

MAX_PACKET: Final = 1024**2
"""Octets. A piece of body has at most 65,535; a header field as many as Postfix's
header_size_limit, 102,400."""
VERSION: Final = 6

NO_BODY: Final = 0x10
NO_UNKNOWN: Final = 0x100
NO_DATA: Final = 0x200
NO_REPLIES: Final = 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x80 | 0x40000 | 0x80000
"""To connect, HELO, MAIL, RCPT, header field, end of header, piece of body."""
LEADING_SPACE: Final = 0x100000
"""Values of header fields keep the space after the colon, so that the message can be put together
again as it was: its signature must still fit."""
WANTED: Final = NO_UNKNOWN | NO_DATA | NO_REPLIES | LEADING_SPACE

ADD_FIELDS: Final = 0x01
CHANGE_FIELDS: Final = 0x10
"""Rights to change the header; what is not asked for at the start is refused at the end."""

_NUL: Final = b"\0"


class BadPacket(ProtocolError):
    """Not a packet, or one that says something else than its letter announces."""


class TooOld(ProtocolError):
    """The mail server does not offer what is needed here."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The server's first words: its version and what may be left out."""

    version: int
    protocol: int


@dataclass(frozen=True, slots=True)
class Macros:
    """Values that the server tells along with a step; ``step`` is the letter of the packet."""

    step: bytes
    values: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Connected:
    """A client. ``address`` is empty where there is none."""

    name: bytes
    address: bytes


@dataclass(frozen=True, slots=True)
class Helo:
    name: bytes


@dataclass(frozen=True, slots=True)
class MailFrom:
    """Begins a message. The address is without its angle brackets."""

    sender: bytes


@dataclass(frozen=True, slots=True)
class RcptTo:
    """A recipient that the server has accepted."""

    recipient: bytes


@dataclass(frozen=True, slots=True)
class HeaderField:
    """``value`` begins with the space that stood there; lines end with a bare LF."""

    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class EndOfHeader:
    pass


@dataclass(frozen=True, slots=True)
class BodyPiece:
    octets: bytes


@dataclass(frozen=True, slots=True)
class EndOfMessage:
    """The server waits for an answer."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The message is over, without an end."""


@dataclass(frozen=True, slots=True)
class Quit:
    """The connection is over; with ``again`` another client follows on it."""

    again: bool = False


Event: TypeAlias = (
    Offer
    | Macros
    | Connected
    | Helo
    | MailFrom
    | RcptTo
    | HeaderField
    | EndOfHeader
    | BodyPiece
    | EndOfMessage
    | Abandoned
    | Quit
)

CONTINUE: Final = b"\0\0\0\1c"
"""No objection."""


class Reader:
    """Splits one connection's byte stream into events. Make one per connection."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield every event completed by ``data``; keep the rest. Exhaust it before the next.

        Raises:
            BadPacket: after the events before the fault were yielded.
        """
        buffer = self._buffer + data if self._buffer else data
        position = 0
        while len(buffer) - position >= 4:  # noqa: PLR2004 - the length
            length = int.from_bytes(buffer[position : position + 4])
            if not 0 < length <= MAX_PACKET:
                raise BadPacket(f"a packet of {length} octets")
            end = position + 4 + length
            if end > len(buffer):
                break
            yield from _events(buffer[position + 4 : position + 5], buffer[position + 5 : end])
            position = end
        self._buffer = buffer[position:]


def _events(letter: bytes, data: bytes) -> Iterator[Event]:
    match letter:
        case b"B":
            yield BodyPiece(data)
        case b"L":
            name, value, *_ = _strings(data, 2)
            yield HeaderField(name, value)
        case b"D":
            yield _macros(data)
        case b"R":
            yield RcptTo(_address(data))
        case b"M":
            yield MailFrom(_address(data))
        case b"N":
            yield EndOfHeader()
        case b"E":
            if data:  # the last piece of body may come along
                yield BodyPiece(data)
            yield EndOfMessage()
        case _:
            yield _of_the_connection(letter, data)


def _of_the_connection(letter: bytes, data: bytes) -> Event:
    match letter:
        case b"O":
            if len(data) < 12:  # noqa: PLR2004 - three numbers
                raise BadPacket(f"an offer of {len(data)} octets")
            return Offer(int.from_bytes(data[:4]), int.from_bytes(data[8:12]))
        case b"C":
            return _connected(data)
        case b"H":
            return Helo(_strings(data, 1)[0])
        case b"A":
            return Abandoned()
        case b"Q":
            return Quit()
        case b"K":
            return Quit(again=True)
        case _:
            raise BadPacket(f"a packet {letter!r}, which was not asked for")


def _strings(data: bytes, least: int) -> list[bytes]:
    """Texts that each end with a NUL."""
    *texts, rest = data.split(_NUL)
    if rest or len(texts) < least:
        raise BadPacket(f"not {least} texts with a NUL behind each: {data[:64]!r}")
    return texts


def _macros(data: bytes) -> Macros:
    texts = _strings(data[1:], 0)
    if not data or len(texts) % 2:
        raise BadPacket(f"macros that are no pairs: {data[:64]!r}")
    names = (name.removeprefix(b"{").removesuffix(b"}") for name in texts[::2])
    return Macros(data[:1], dict(zip(names, texts[1::2], strict=True)))


def _address(data: bytes) -> bytes:
    first = _strings(data, 1)[0]  # ESMTP parameters follow
    return first.removeprefix(b"<").removesuffix(b">")


_FAMILIES_WITH_ADDRESS: Final = (b"4", b"6")


def _connected(data: bytes) -> Connected:
    """Name, NUL, family; then for IP a port in two octets, and the address."""
    name, nul, rest = data.partition(_NUL)
    if not nul or not rest:
        raise BadPacket(f"no name and family: {data[:64]!r}")
    if rest[:1] not in _FAMILIES_WITH_ADDRESS:
        return Connected(name, b"")
    address = _strings(rest[3:], 1)[0]
    return Connected(name, address.removeprefix(b"IPv6:"))


def accept(offer: Offer, *, body: bool, changes: bool = False) -> bytes:
    """The answer to an offer: the same version, changes to the header, and what need not be said.

    Raises:
        TooOld: it cannot be had.
    """
    if offer.version < VERSION or (offer.protocol & WANTED) != WANTED:
        raise TooOld(f"version {offer.version}, options {offer.protocol:#x}")
    wanted = WANTED if body else WANTED | (offer.protocol & NO_BODY)
    numbers = (VERSION, ADD_FIELDS | CHANGE_FIELDS if changes else 0, wanted)
    return _packet(b"O", b"".join(number.to_bytes(4) for number in numbers))


def insert_field(name: str, value: str) -> bytes:
    """Put a header field in front of all; lines of ``value`` end with a bare LF."""
    return _packet(b"i", (0).to_bytes(4) + _field(name, value))


def remove_field(name: str, number: int) -> bytes:
    """Take the field ``name`` away; ``number`` counts those of that name from 1.

    Of several the last goes first, or the numbers of those behind would change.
    """
    return _packet(b"m", number.to_bytes(4) + b"%b\0\0" % name.encode("ascii"))


def _field(name: str, value: str) -> bytes:
    """As the server keeps values with the space that stands before them, it is told with it."""
    plain = value.replace("\0", "").replace("\r", "")
    return b"%b\0 %b\0" % (name.encode("ascii"), plain.encode("ascii", "replace"))


def refuse(text: str) -> bytes:
    """Refuse the message with a whole SMTP reply, like ``550 5.7.1 words``.

    What would break the line becomes a question mark; so does a per cent sign, of which servers
    differ whether it stands for itself.
    """
    plain = "".join(c if c.isprintable() and c != "%" else "?" for c in text)
    return _packet(b"y", plain.encode("ascii", "replace") + _NUL)


def _packet(letter: bytes, data: bytes) -> bytes:
    return (len(data) + 1).to_bytes(4) + letter + data
