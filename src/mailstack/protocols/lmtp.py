"""LMTP as a server hears it: commands and messages of one connection. No sockets.

LMTP is SMTP with LHLO for a greeting and one reply per accepted recipient after a message
(RFC 2033). The grammar is strict: a line ends with CRLF, an address holds no control character,
so what was read here may be written into a log, a header field or another dialog as it is.
Source: RFC 2033, RFC 5321 4.1.1 and 4.1.2, RFC 6531 3.3 (UTF-8 in addresses).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from mailstack.protocols.lmtp_body import BodyReader
from mailstack.protocols.lmtp_replies import Reply, reply

MAX_COMMAND: Final = 4096
"""Octets of a command line. RFC 5321 4.5.3.1.4 says 512, and its extensions add up to 1,500."""

_PATH: Final = re.compile(
    rb"<((?:\"(?:\\[^\x00-\x1f\x7f]|[^\x00-\x1f\x7f\"\\])*\"|[^\x00-\x20\x7f<>\"])*)>"
    rb"((?: +[A-Za-z0-9][A-Za-z0-9-]*(?:=[^\x00-\x20\x7f=]+)?)*) *"
)
"""Reverse or forward path, then parameters (RFC 5321 4.1.2 and 4.1.2's esmtp-param)."""


@dataclass(frozen=True, slots=True)
class Lhlo:
    name: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL FROM. ``sender`` is empty for a bounce."""

    sender: bytes
    parameters: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Rcpt:
    """RCPT TO, as the client spelled the address."""

    recipient: bytes
    parameters: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Data:
    """DATA. The message follows once ``begin_body`` was called."""


@dataclass(frozen=True, slots=True)
class Rset:
    pass


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Vrfy:
    pass


@dataclass(frozen=True, slots=True)
class Quit:
    pass


@dataclass(frozen=True, slots=True)
class Malformed:
    """What is no command, with the reply it gets."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Body:
    """Some octets of the message, dots doubled."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class EndOfBody:
    pass


PlainCommand: TypeAlias = Lhlo | Rset | Noop | Vrfy | Quit | Malformed
Command: TypeAlias = PlainCommand | Mail | Rcpt | Data
Event: TypeAlias = Command | Body | EndOfBody

_UNKNOWN: Final = Malformed(reply(500, "5.5.2 Unknown command"))
_BAD_PATH: Final = Malformed(reply(501, "5.5.4 Syntax error in address or parameters"))
_NO_PARAMETER: Final = Malformed(reply(501, "5.5.4 Syntax error in parameters"))
_TOO_LONG: Final = Malformed(reply(500, "5.5.2 Line too long"))
_NEEDS_LHLO: Final = Malformed(reply(500, "5.5.1 This is LMTP: say LHLO"))


def parse(line: bytes) -> Command:
    """Read one command line, given without its CRLF. Verbs are read in any case."""
    verb, _, rest = line.partition(b" ")
    read = _READERS.get(verb.upper())
    return _UNKNOWN if read is None else read(rest)


def _mail(rest: bytes) -> Mail | Malformed:
    if rest[:5].upper() != b"FROM:":
        return _BAD_PATH
    match = _PATH.fullmatch(rest[5:].lstrip(b" "))
    return _BAD_PATH if match is None else Mail(match[1], tuple(match[2].split()))


def _rcpt(rest: bytes) -> Rcpt | Malformed:
    if rest[:3].upper() != b"TO:":
        return _BAD_PATH
    match = _PATH.fullmatch(rest[3:].lstrip(b" "))
    if match is None or not match[1]:
        return _BAD_PATH
    return Rcpt(match[1], tuple(match[2].split()))


def _lhlo(rest: bytes) -> Lhlo | Malformed:
    return Lhlo(rest.strip()) if rest.strip() else _NO_PARAMETER


def _alone(command: Command) -> Callable[[bytes], Command]:
    return lambda rest: _NO_PARAMETER if rest.strip() else command


_READERS: Final[Mapping[bytes, Callable[[bytes], Command]]] = {
    b"LHLO": _lhlo,
    b"HELO": lambda _: _NEEDS_LHLO,
    b"EHLO": lambda _: _NEEDS_LHLO,
    b"MAIL": _mail,
    b"RCPT": _rcpt,
    b"DATA": _alone(Data()),
    b"RSET": _alone(Rset()),
    b"QUIT": _alone(Quit()),
    b"NOOP": lambda _: Noop(),
    b"VRFY": lambda _: Vrfy(),
}


class CommandReader:
    """Turns one connection's octets into events. Make one per connection.

    After ``Data`` the stream stays with commands until ``begin_body`` is called: whoever refuses
    DATA will be sent commands next (RFC 2920 3.1).
    """

    __slots__ = ("_body", "_buffer", "_ended", "_skipping")

    def __init__(self) -> None:
        self._buffer = b""
        self._body: BodyReader | None = None
        self._ended = False
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Take what arrived. Call ``next_event`` until it returns ``None`` before the next."""
        self._buffer = self._buffer + data if self._buffer else data

    def begin_body(self) -> None:
        """From here to the lone dot, the octets are a message."""
        self._body = BodyReader()

    def next_event(self) -> Event | None:
        """The next command or piece of message; ``None`` when more octets are needed."""
        return self._next_command() if self._body is None else self._next_piece(self._body)

    def _next_piece(self, body: BodyReader) -> Body | EndOfBody | None:
        if self._ended:
            self._body, self._ended = None, False
            return EndOfBody()
        if not self._buffer:
            return None
        octets, rest = body.feed(self._buffer)
        self._buffer, self._ended = rest or b"", rest is not None
        return Body(octets) if octets else self._next_piece(body) if self._ended else None

    def _next_command(self) -> Command | None:
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return self._unfinished()
            line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            if self._skipping:
                self._skipping = False
                continue
            return parse(line) if end < MAX_COMMAND else _TOO_LONG

    def _unfinished(self) -> Malformed | None:
        """Complain once of an endless line, and forget it as it comes."""
        if self._skipping:
            self._buffer = self._buffer[-1:]
            return None
        if len(self._buffer) <= MAX_COMMAND:
            return None
        self._buffer, self._skipping = self._buffer[-1:], True
        return _TOO_LONG
