"""Serves who comes, until nobody does, on a socket that somebody else keeps.

Standard input is a socket that listens, as inetd(8) hands one over ("wait"): whoever starts this
keeps it too, so a client that comes while this ends is served by the next one.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

_log = logging.getLogger(__name__)


class Session(Protocol):
    """One connection."""

    async def run(self) -> None:
        """Serve it to its end."""


MakeSession = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Session]


def handed_over() -> socket.socket:
    """Return the socket that is standard input.

    Raises:
        OSError: it is none.
    """
    return socket.socket(fileno=os.dup(sys.stdin.fileno()))


class Server:
    """``run`` it once."""

    def __init__(self, make_session: MakeSession, idle_s: float) -> None:
        self._make_session = make_session
        self._idle_s = idle_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = asyncio.Event()

    async def run(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Until ``stop``, or nobody has come for a while; who was accepted is served to its end."""
        server = await asyncio.start_server(self._accept, sock=listening)
        async with server:
            while not stop.is_set() and await self._used(stop):
                pass
        if stop.is_set():
            for task in self._tasks:
                task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _used(self, stop: asyncio.Event) -> bool:
        """Wait; whether somebody is there or has just been."""
        self._left.clear()
        waiting = [asyncio.create_task(event.wait()) for event in (self._left, stop)]
        await asyncio.wait(waiting, timeout=self._idle_s, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return bool(self._tasks) or self._left.is_set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = self._make_session(reader, writer)
        task = asyncio.get_running_loop().create_task(_guarded(session))
        self._tasks.add(task)
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._left.set()


async def _guarded(session: Session) -> None:
    """A fault in one connection ends that connection, not the others."""
    with suppress(asyncio.CancelledError):
        try:
            await session.run()
        except Exception:  # noqa: BLE001 - the border of one connection
            _log.exception("a connection ended by a fault of this program")
