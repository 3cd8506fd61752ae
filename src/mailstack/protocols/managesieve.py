"""ManageSieve, the server's half of the grammar: octets to commands, responses to octets.

A command is a line of tokens: atoms, numbers, quoted strings and literals; a literal brings its
own octets and the line goes on after it. What a command means is decided by the session, in
``managesieve/``. Sans-IO. Source: RFC 5804, section 4 (formal syntax) and 1.2 (conventions).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailstack.errors import ProtocolError

MAX_LINE = 8192
"""Octets between two literals. A quoted string holds 1,024 at most (RFC 5804 4); names are
shorter, and a SASL response for PLAIN stays below this."""

MAX_SWALLOWED = 16 * 1024 * 1024
"""Octets of an over-large literal that are read and dropped so that it can be refused politely
(RFC 5804 2.6); a larger one ends the connection."""

MAX_TOKENS = 16
"""Tokens of one command; the longest has three."""

_ATOM = re.compile(rb"[A-Za-z][A-Za-z0-9_-]*")
_NUMBER = re.compile(rb"\d{1,10}")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{(\d{1,10})(\+?)\}$")
_ESCAPED = re.compile(rb'\\(["\\])')


class LineTooLong(ProtocolError):
    """More octets than ``MAX_LINE`` without an end of line."""


class BadLiteral(ProtocolError):
    """A literal that cannot be read to its end: synchronising, or of more octets than we drop."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is no command; the session says NO and goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Atom:
    """A bare word, upper-cased: commands are not case-sensitive."""

    text: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Stands in for a literal over the limit, whose octets were dropped."""

    octets: int


Token = Atom | int | bytes | TooLarge
"""``bytes`` is a string, quoted or literal, with its escapes undone."""

Line = tuple[Token, ...] | Malformed
"""One command, or why it is none."""


class CommandReader:
    """Splits one connection's byte stream into commands. Make one per connection.

    Make a new one after STARTTLS, so that nothing said in the clear counts under TLS.
    """

    def __init__(self, max_literal: int) -> None:
        self._max_literal = max_literal
        self._buffer = bytearray()
        self._tokens: list[Token] = []
        self._fault: Malformed | None = None
        self._literal: int | None = None
        self._swallow = 0

    @property
    def empty(self) -> bool:
        """Whether nothing waits: neither octets nor the beginning of a command."""
        return not self._buffer and not self._tokens and self._literal is None

    def feed(self, data: bytes) -> Iterator[Line]:
        """Yield every command completed by ``data``; keep the rest for the next call.

        Raises:
            ProtocolError: the stream cannot be followed any further; close the connection.
        """
        self._buffer += data
        while self._take_literal():
            end = self._buffer.find(b"\n")
            if end > MAX_LINE or (end < 0 and len(self._buffer) > MAX_LINE):
                raise LineTooLong(f"more than {MAX_LINE} octets without an end of line")
            if end < 0:
                return
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            if self._take_line(line):
                yield self._command()

    def _take_literal(self) -> bool:
        """Take the octets of a pending literal. Say whether a line may follow."""
        if self._swallow:
            dropped = min(self._swallow, len(self._buffer))
            del self._buffer[:dropped]
            self._swallow -= dropped
            return not self._swallow
        if self._literal is not None:
            if len(self._buffer) < self._literal:
                return False
            self._add(bytes(self._buffer[: self._literal]))
            del self._buffer[: self._literal]
            self._literal = None
        return True

    def _take_line(self, line: bytes) -> bool:
        """Take the tokens of a line, or of the part of one after a literal. Say if it is whole."""
        literal = _LITERAL.search(line)
        if literal is None:
            self._tokenise(line)
            return True
        self._tokenise(line[: literal.start()])
        octets = int(literal[1])
        if octets > MAX_SWALLOWED or not literal[2]:
            # A synchronising literal waits for a go-ahead that this protocol does not have.
            raise BadLiteral(f"a literal of {octets} octets, or one without '+'")
        if octets > self._max_literal:
            self._swallow = octets
            self._add(TooLarge(octets))
        else:
            self._literal = octets
        return False

    def _tokenise(self, line: bytes) -> None:
        rest = line.strip(b" ")
        while rest and self._fault is None:
            token, used = _first_token(rest)
            if used == 0 or rest[used : used + 1] not in (b"", b" "):
                self._fault = Malformed("not a command of this protocol")
                return
            self._add(token)
            rest = rest[used:].lstrip(b" ")

    def _add(self, token: Token) -> None:
        if len(self._tokens) == MAX_TOKENS:
            self._fault = Malformed("too many words in one command")
        else:
            self._tokens.append(token)

    def _command(self) -> Line:
        command: Line = tuple(self._tokens) if self._fault is None else self._fault
        self._tokens, self._fault = [], None
        return command


def _first_token(text: bytes) -> tuple[Token, int]:
    """The token at the beginning of ``text`` and its octets; 0 octets when there is none."""
    if match := _QUOTED.match(text):
        return _ESCAPED.sub(rb"\1", match[1]), match.end()
    if match := _NUMBER.match(text):
        return int(match[0]), match.end()
    if match := _ATOM.match(text):
        return Atom(match[0].decode().upper()), match.end()
    return 0, 0


def string(value: str | bytes) -> bytes:
    """Spell a string: quoted where it may be, else as a literal (RFC 5804 4, string)."""
    data = value.encode() if isinstance(value, str) else value
    if len(data) <= 1024 and not re.search(rb"[\r\n\0]", data):  # noqa: PLR2004 - RFC 5804 4
        return b'"' + re.sub(rb'(["\\])', rb"\\\1", data) + b'"'
    return b"{%d}\r\n%s" % (len(data), data)


def response(status: str, text: str = "", *, code: str = "") -> bytes:
    """Spell ``OK``, ``NO`` or ``BYE`` with its code and its text (RFC 5804 1.2, 1.3)."""
    parts = [status.encode()]
    if code:
        parts.append(f"({code})".encode())
    if text:
        parts.append(string(text))
    return b" ".join(parts) + b"\r\n"


def capabilities(pairs: Sequence[tuple[str, str | None]]) -> bytes:
    """Spell the capability list, without the OK that ends it (RFC 5804 1.7)."""
    lines = (
        string(name) if value is None else string(name) + b" " + string(value)
        for name, value in pairs
    )
    return b"".join(line + b"\r\n" for line in lines)
