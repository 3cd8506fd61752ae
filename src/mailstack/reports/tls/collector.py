"""The socket that Postfix tells its handshakes to: each datagram is written down, and that is all.

It lies below Postfix's queue folder, which its processes cannot leave. So whoever listens must see
that folder, which in a cluster is Postfix's own container and no other; its agent runs there
anyway. Nothing is read here of what came: that is done by a pass that is not root.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mailstack.protocols.tlsrpt import MAX_OCTETS
from mailstack.reports.tls import journal

MAX_AT_ONCE: Final = 64
"""Datagrams, before others on the same event loop have their turn."""


class Collector:
    """Writes down what comes in.

    Args:
        path: the file.
        say: takes a line for the service's log.
    """

    def __init__(
        self, path: Path, say: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._say = say
        self._clock = clock
        self._complained = False

    @contextmanager
    def listening(self, at: Path, uid: int, gid: int) -> Iterator[None]:
        """Listen at a path to whoever runs as ``uid``.

        Raises:
            OSError: that cannot be done.
        """
        at.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as end:
            end.bind(str(at))
            at.chmod(0o200)  # to send, one writes
            os.chown(at, uid, gid)
            loop.add_reader(end.fileno(), self._take, end)
            try:
                yield
            finally:
                # the name stays: it may be that of another by now, which has taken our place
                loop.remove_reader(end.fileno())

    def _take(self, end: socket.socket) -> None:
        for _ in range(MAX_AT_ONCE):
            try:
                datagram = end.recv(MAX_OCTETS + 1)
            except BlockingIOError:
                return
            self.keep(datagram)

    def keep(self, datagram: bytes) -> None:
        """Write one down, or say once why that cannot be done."""
        try:
            fits = len(datagram) <= MAX_OCTETS and journal.append(
                self._path, int(self._clock()), datagram
            )
            why = "" if fits else "nobody has counted for too long"
        except OSError as error:
            why = str(error)
        if why and not self._complained:
            self._say(f"handshakes are missing in TLS reports: {why}")
        self._complained = bool(why)
