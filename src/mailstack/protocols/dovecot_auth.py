"""Dovecot's authentication protocol, the client's half: ask whether a login is right.

One connection serves many requests; each has a number. Lines are tab-separated, tabs and newlines
in values are escaped. Sans-IO. Source: Dovecot's "Auth client protocol" (auth-protocol.txt),
versions 1.1 and 1.2.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from mailstack.errors import ProtocolError

MAX_LINE = 8192
"""Octets of one line from the server (AUTH_CLIENT_MAX_LINE_LENGTH)."""

VERSION = 1
"""The major version; a server with another one cannot be talked to."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The server's handshake is done; requests may follow."""

    mechanisms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The login is right; ``user`` is its canonical name."""

    number: int
    user: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The login is wrong."""

    number: int
    temporary: bool
    """The server cannot tell now: not the same as a wrong password."""


Event = Ready | Accepted | Refused


class Reader:
    """Splits what the server says into events. Make one per connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._mechanisms: set[str] = set()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield every event completed by ``data``.

        Raises:
            ProtocolError: another version, an overlong line, or a reply that is none.
        """
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if max(map(len, [*lines, self._buffer])) > MAX_LINE:
            raise ProtocolError(f"Dovecot's auth sent a line of more than {MAX_LINE} octets")
        for line in lines:
            event = self._event(line.decode("utf-8", "replace").split("\t"))
            if event is not None:
                yield event

    def _event(self, fields: list[str]) -> Event | None:
        match fields:
            case ["VERSION", major, _] if major != str(VERSION):
                raise ProtocolError(f"Dovecot's auth speaks version {major}, not {VERSION}")
            case ["MECH", name, *_]:
                self._mechanisms.add(name)
            case ["DONE", *_]:
                return Ready(frozenset(self._mechanisms))
            case ["OK", number, *parameters] if number.isdecimal():
                return Accepted(int(number), _parameter(parameters, "user"))
            case ["FAIL", number, *parameters] if number.isdecimal():
                return Refused(int(number), temporary="temp" in parameters)
            case ["OK" | "FAIL" | "CONT", *_]:
                raise ProtocolError(f"Dovecot's auth answered {fields[:2]}")
            case _:
                pass  # SPID, CUID, COOKIE and whatever later versions add
        return None


def _parameter(parameters: list[str], name: str) -> str:
    prefix = name + "="
    values = (text.removeprefix(prefix) for text in parameters if text.startswith(prefix))
    return next(values, "").replace("\x01t", "\t").replace("\x01n", "\n").replace("\x011", "\x01")


def hello(pid: int) -> bytes:
    """The client's handshake; ``pid`` only has to differ between connections of one machine."""
    return f"VERSION\t{VERSION}\t1\nCPID\t{pid}\n".encode()


def plain(number: int, service: str, login: str, password: str, address: str = "") -> bytes:
    """Ask whether ``login`` and ``password`` are right, by SASL PLAIN (RFC 4616).

    ``address`` is where the client is, for Dovecot's log, and for its delays.

    Raises:
        ValueError: a NUL in either, which PLAIN cannot carry.
    """
    if "\0" in login + password:
        raise ValueError("a NUL cannot be part of a login")
    initial = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
    remote = f"rip={address}\t" if address else ""
    # `secured` says that the password came under TLS; `resp` must be the last parameter.
    return f"AUTH\t{number}\tPLAIN\tservice={service}\tsecured\t{remote}resp={initial}\n".encode()
