r"""The dict protocol that Dovecot's ``proxy`` driver speaks to a dict server.

Lines of fields separated by tabs; the octets NUL, SOH, TAB, CR and LF are written as SOH and a
character. Dovecot 2.3 says version 3, Dovecot 2.4 says version 4; what this module has to know of
the difference is small: version 4 has one command more (V), and a field more in B. Replies are sent
in the order of the commands, which both accept, so the ids of asynchronous replies (``*``, ``+``)
are never used.

Sources: src/lib-dict/dict-client.{h,c} and src/dict/dict-commands.c of Dovecot 2.3.19.1,
src/lib-dict-extra/dict-client.{h,c} of 2.4.1.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from mailstack.errors import ProtocolError
from mailstack.outcome import Found, NotFound, Outcome, Unavailable

MAX_LINE = 64 * 1024
"""Octets in one command, newline included (DICT_CLIENT_MAX_LINE_LENGTH)."""

MAX_REPLY = 4 * 1024**2
"""Octets in one reply. Dovecot reads without a limit (dict_conn_set in dict-client.c); this one
holds a sieve script of 1 MiB of which every octet is escaped, and keeps this side's memory bounded.
"""

VERSIONS = frozenset({3, 4})
"""Major versions spoken: 3 is Dovecot 2.3, 4 is Dovecot 2.4."""

NO_VALUE = 0x08
"""Flag of an iteration: keys only (DICT_ITERATE_FLAG_NO_VALUE)."""

NOT_FOUND = b"N\n"
TRY_AGAIN = b"Ftry again later\n"
TOO_LONG = b"Fthe value is too long\n"
ITERATION_DONE = b"\n"


class LineTooLong(ProtocolError):
    """More than ``MAX_LINE`` octets without a newline."""


class BadCommand(ProtocolError):
    """Unknown, incomplete, or not in its place; the peer closes the connection upon it too."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line of every connection."""

    major: int
    minor: int
    dict_name: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """``username`` is whose private keys (``priv/…``) are meant; it may be empty."""

    key: str
    username: str


@dataclass(frozen=True, slots=True)
class Iterate:
    """Every key below ``path``, at most ``max_rows`` of them (0: all)."""

    flags: int
    max_rows: int
    path: str
    username: str


@dataclass(frozen=True, slots=True)
class Begin:
    """A transaction begins. No reply is due."""

    transaction: int


@dataclass(frozen=True, slots=True)
class Change:
    """Set, unset, increment or annotate inside a transaction. No reply is due."""

    transaction: int


@dataclass(frozen=True, slots=True)
class Commit:
    """The transaction ends; the one command of a transaction that gets a reply."""

    transaction: int


@dataclass(frozen=True, slots=True)
class Rollback:
    """The transaction is given up. No reply is due."""

    transaction: int


Command: TypeAlias = Hello | Lookup | Iterate | Begin | Change | Commit | Rollback


class CommandReader:
    """Splits one connection's byte stream into commands. Make one per connection.

    The first command is a ``Hello`` and no other is, or ``BadCommand`` is raised.
    """

    __slots__ = ("_buffer", "_greeted")

    def __init__(self) -> None:
        self._buffer = b""
        self._greeted = False

    def feed(self, data: bytes) -> Iterator[Command]:
        """Yield every command completed by ``data``; keep the rest for the next call.

        Exhaust the iterator before feeding again.

        Raises:
            LineTooLong, BadCommand: after the commands before the fault were yielded.
        """
        buffer = self._buffer + data if self._buffer else data
        position = 0
        while (newline := buffer.find(b"\n", position, position + MAX_LINE)) >= 0:
            line = buffer[position:newline]
            position = newline + 1
            yield self._parse(line)
        self._buffer = buffer[position:]
        if len(self._buffer) >= MAX_LINE:
            raise LineTooLong(f"{MAX_LINE} octets without a newline")

    def _parse(self, line: bytes) -> Command:
        command = parse(line)
        if isinstance(command, Hello) is self._greeted:
            raise BadCommand("a second hello" if self._greeted else "no hello before a command")
        self._greeted = True
        return command


def parse(line: bytes) -> Command:
    """Read one line, without its newline.

    Raises:
        BadCommand: unknown letter, missing field, a number or text that is none, wrong version.
    """
    build = _COMMANDS.get(line[:1])
    if build is None:
        raise BadCommand(f"unknown command {line[:16]!r}")
    try:
        fields = [unescape(field).decode() for field in line[1:].split(b"\t")]
        return build(fields)
    except (IndexError, ValueError) as error:
        raise BadCommand(f"broken command {line[:64]!r}") from error


def _hello(fields: list[str]) -> Hello:
    major = _number(fields[0])
    if major not in VERSIONS:
        raise BadCommand(f"dict protocol version {major}; spoken here: {sorted(VERSIONS)}")
    return Hello(major, _number(fields[1]), fields[4])


def _lookup(fields: list[str]) -> Lookup:
    return Lookup(fields[0], _optional(fields, 1))


def _iterate(fields: list[str]) -> Iterate:
    return Iterate(_number(fields[0]), _number(fields[1]), fields[2], _optional(fields, 3))


def _optional(fields: list[str], index: int) -> str:
    # Dovecot before 2.3.17 does not name the user in each command.
    return fields[index] if len(fields) > index else ""


def _number(field: str) -> int:
    if not (field.isascii() and field.isdigit() and len(field) <= 20):  # noqa: PLR2004 - of 2**64
        raise ValueError(field)
    return int(field)


_COMMANDS: Mapping[bytes, Callable[[list[str]], Command]] = {
    b"H": _hello,
    b"L": _lookup,
    b"I": _iterate,
    b"B": lambda fields: Begin(_number(fields[0])),
    b"S": lambda fields: Change(_number(fields[0])),
    b"U": lambda fields: Change(_number(fields[0])),
    b"A": lambda fields: Change(_number(fields[0])),
    b"T": lambda fields: Change(_number(fields[0])),
    b"V": lambda fields: Change(_number(fields[0])),
    b"C": lambda fields: Commit(_number(fields[0])),
    b"D": lambda fields: Commit(_number(fields[0])),
    b"R": lambda fields: Rollback(_number(fields[0])),
}


def encode(outcome: Outcome[str]) -> bytes:
    """Spell an outcome as the reply to a lookup."""
    match outcome:
        case Found(value):
            line = b"O" + escape(value.encode()) + b"\n"
            return line if len(line) <= MAX_REPLY else TOO_LONG
        case NotFound():
            return NOT_FOUND
        case Unavailable():
            return TRY_AGAIN
        case _:
            assert_never(outcome)


def encode_row(key: str, value: str = "") -> bytes:
    """One row of an iteration. Several follow each other; ``ITERATION_DONE`` or F ends them."""
    return b"O%b\t%b\n" % (escape(key.encode()), escape(value.encode()))


def encode_refusal(transaction: int) -> bytes:
    """The reply to a commit: nothing is ever written through this protocol."""
    return b"F%d\tread only: write through the HTTP API\n" % transaction


_ESCAPES = {b"\0": b"\x010", b"\x01": b"\x011", b"\t": b"\x01t", b"\r": b"\x01r", b"\n": b"\x01n"}
_ESCAPED = {code[1:]: octet for octet, code in _ESCAPES.items()}
_TO_ESCAPE = re.compile(rb"[\0\x01\t\r\n]")
_TO_UNESCAPE = re.compile(rb"\x01(.?)", re.DOTALL)


def escape(text: bytes) -> bytes:
    """Write the five octets that a field cannot hold."""
    return _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text)


def unescape(text: bytes) -> bytes:
    """Undo ``escape``. An unknown code stands for itself, a lone SOH at the end for nothing.

    Both as Dovecot's str_tabunescape() reads them.
    """
    if b"\x01" not in text:
        return text
    return _TO_UNESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text)
