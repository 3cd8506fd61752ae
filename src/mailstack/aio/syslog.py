"""Lines of a program that logs by syslog(3) alone, read from a socket of its own.

The program finds the socket as /dev/log (``private_log.py``). A line says how bad it is and what
happened; time and name are added by whoever keeps it. Format: RFC 3164 4.1, as glibc writes it.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_OCTETS: Final = 8192
"""Of one datagram; glibc's own lines end at 1,024 in most uses. A longer one is cut."""
_LEVELS: Final = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_FORM: Final = re.compile(
    r"<(?P<priority>\d{1,3})>"
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?"
    r"(?:[^\s:\[]{1,64}(?:\[\d+\])?: )?"
    r"(?P<text>.*)",
    re.DOTALL,
)
_AT_ONCE: Final = 64
"""Datagrams read before others get their turn."""


def line(datagram: bytes) -> str:
    """Return ``level: text``; a datagram of another form as it is."""
    said = datagram.decode("utf-8", "replace").rstrip("\0\r\n")
    found = _FORM.fullmatch(said)
    if found is None:
        return said
    return f"{_LEVELS[int(found['priority']) & 7]}: {found['text']}"


@dataclass(slots=True)
class Syslog:
    """One such socket, from ``listen`` to ``close``."""

    path: Path
    on_line: Callable[[str], None]
    _socket: socket.socket

    @classmethod
    def listen(cls, path: Path, on_line: Callable[[str], None]) -> "Syslog":
        """Bind ``path``; whoever may enter its folder may write.

        Raises:
            OSError: it cannot be bound.
        """
        path.unlink(missing_ok=True)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            bound.bind(str(path))
            path.chmod(0o666)
        except OSError:
            bound.close()
            raise
        made = cls(path, on_line, bound)
        asyncio.get_running_loop().add_reader(bound.fileno(), made.read)
        return made

    def read(self) -> None:
        """Pass on what has arrived; the program never waits for us for long."""
        with suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                self.on_line(line(self._socket.recv(MAX_OCTETS)))

    def close(self) -> None:
        """Pass on the last words, and stop."""
        self.read()
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self.path.unlink(missing_ok=True)
