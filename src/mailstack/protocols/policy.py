"""Postfix's policy delegation protocol: attributes in, one action out.

A request is lines of ``NAME=VALUE`` and an empty line; the reply is ``action=…`` and an empty line;
a connection carries many of them, one after the other. What an action may be: access(5).
Source: SMTPD_POLICY_README of Postfix 3.7, "Protocol description".
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from mailstack.errors import ProtocolError

MAX_REQUEST: Final = 65_536
"""Octets of one request, its empty line included. Postfix 3.7 sends some 35 attributes; the longest
come from the client (a HELO name, a sender) and hold 2,048 octets each (line_length_limit)."""

DUNNO: Final = "DUNNO"
"""No opinion: whatever comes next decides."""

Request: TypeAlias = Mapping[str, str]
"""Attributes by name. An unknown one is to be ignored; of one that comes twice the last counts."""


class RequestTooLong(ProtocolError):
    """More than ``MAX_REQUEST`` octets without an empty line."""


class BadAttribute(ProtocolError):
    """A line that is no ``NAME=VALUE``."""


class RequestReader:
    """Splits one connection's byte stream into requests. Make one per connection."""

    __slots__ = ("_attributes", "_octets", "_waiting")

    def __init__(self) -> None:
        self._waiting = b""
        self._attributes: dict[str, str] = {}
        self._octets = 0
        """Of the request that is being read, without ``_waiting``."""

    def feed(self, data: bytes) -> Iterator[Request]:
        """Yield every request completed by ``data``; keep the rest. Exhaust it before the next.

        Raises:
            RequestTooLong, BadAttribute: after the requests before the fault were yielded.
        """
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        for line in lines:
            self._check(len(line) + 1)
            self._octets += len(line) + 1
            if line:
                self._take(line)
            else:
                request, self._attributes, self._octets = self._attributes, {}, 0
                yield request
        self._check(len(self._waiting))

    def _check(self, more: int) -> None:
        if self._octets + more > MAX_REQUEST:
            raise RequestTooLong(f"{MAX_REQUEST} octets without an empty line")

    def _take(self, line: bytes) -> None:
        # Postfix sends what a client said, and that may be no UTF-8.
        name, equals, value = line.decode("utf-8", "backslashreplace").partition("=")
        if not (name and equals):
            raise BadAttribute(f"no NAME=VALUE: {line[:64]!r}")
        self._attributes[name] = value


def encode(action: str) -> bytes:
    """Spell a reply. What would break the line, or is not ASCII, becomes a question mark."""
    plain = "".join(character if character.isprintable() else "?" for character in action)
    return b"action=" + plain.encode("ascii", "replace") + b"\n\n"
