"""LMTP replies: what the server writes, and what the client reads. No sockets.

A reply is a three-digit code and one or more lines of text, which usually begin with an enhanced
status code (RFC 3463). Replies of Dovecot travel to Postfix as they came, octet for octet, so text
is ``bytes`` here. Source: RFC 5321 4.2, RFC 2033 4.2.
"""

import re
from dataclasses import dataclass
from typing import Final

from mailstack.errors import ProtocolError

MAX_REPLY_LINE: Final = 4096
"""Octets in one line of a reply. RFC 5321 4.5.3.1.5 says 512; Dovecot echoes long addresses."""
MAX_REPLY_LINES: Final = 100
"""Lines of one reply; LHLO, the longest there is, has about ten."""

_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. ``lines`` hold no code and no line end."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def accepted(self) -> bool:
        """Whether the server took it: 2yz."""
        return self.code // 100 == 2  # noqa: PLR2004 - RFC 5321 4.2.1

    def encode(self) -> bytes:
        """The reply on the wire."""
        code = b"%d" % self.code
        if len(self.lines) == 1:
            return code + b" " + self.lines[0] + b"\r\n"
        *first, last = self.lines
        return (
            b"".join(code + b"-" + line + b"\r\n" for line in first) + code + b" " + last + b"\r\n"
        )


def reply(code: int, *lines: str) -> Reply:
    """A reply of our own, of ASCII text."""
    return Reply(code, tuple(line.encode("ascii") for line in lines))


class ReplyReader:
    """Splits what a server says into replies. Make one per connection."""

    __slots__ = ("_buffer", "_code", "_lines")

    def __init__(self) -> None:
        self._buffer = b""
        self._code = 0
        self._lines: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data

    @property
    def empty(self) -> bool:
        """Whether nothing of a further reply has arrived."""
        return not self._buffer and not self._lines

    def next_reply(self) -> Reply | None:
        """The next whole reply, or ``None`` when more octets are needed.

        Raises:
            ProtocolError: not a reply, codes differ between its lines, or it is too long.
        """
        while (end := self._buffer.find(b"\n", 0, MAX_REPLY_LINE)) >= 0:
            line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
            if self._is_last(line.removesuffix(b"\r")):
                whole = Reply(self._code, tuple(self._lines))
                self._code, self._lines = 0, []
                return whole
        if len(self._buffer) >= MAX_REPLY_LINE:
            raise ProtocolError(f"a reply line of more than {MAX_REPLY_LINE} octets")
        return None

    def _is_last(self, line: bytes) -> bool:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ProtocolError(f"not a reply: {line[:64]!r}")
        code = int(match[1])
        if self._lines and code != self._code:
            raise ProtocolError(f"a reply that begins with {self._code} goes on with {code}")
        if len(self._lines) >= MAX_REPLY_LINES:
            raise ProtocolError(f"a reply of more than {MAX_REPLY_LINES} lines")
        self._code = code
        self._lines.append(match[3] or b"")
        return match[2] != b"-"


def extensions(lhlo: Reply) -> frozenset[bytes]:
    """Keywords that a server announces in its reply to LHLO, in capitals (RFC 5321 4.1.1.1)."""
    return frozenset(line.split(b" ", 1)[0].upper() for line in lhlo.lines[1:])
