"""``python -m mailstack.dkim.arc --config FILE``: seal for who comes, until nobody does.

Standard input is a socket that listens, as inetd(8) hands one over ("wait"): whoever starts this
keeps it too, so a client that comes while this ends is served by the next one.
"""

import asyncio
import logging
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from mailstack.dkim.arc.config import Config
from mailstack.dkim.arc.keys import Keys
from mailstack.dkim.arc.session import SealSession
from mailstack.identity.resolver import Resolver
from mailstack.program.run import execute, settle, told_to_stop

_log = logging.getLogger(__name__)


async def run(file: Path) -> None:
    """Serve until idle, SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is not what is rendered, or a key is none.
        OSError: standard input is no socket, or a key cannot be read.
    """
    config = Config.read(file)
    keys = Keys.read(config)
    resolver = Resolver(config.resolver.host, config.resolver.port)
    listening = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    settle(config)
    await Server(keys, resolver, config.idle_s).run(listening, told_to_stop())


class Server:
    """``run`` it once."""

    def __init__(self, keys: Keys, resolver: Resolver, idle_s: float) -> None:
        self._keys = keys
        self._resolver = resolver
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
        session = SealSession(self._keys.sealer, self._resolver.txt, reader, writer)
        task = asyncio.get_running_loop().create_task(_guarded(session))
        self._tasks.add(task)
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._left.set()


async def _guarded(session: SealSession) -> None:
    """A fault in one connection ends that connection, not the others."""
    with suppress(asyncio.CancelledError):
        try:
            await session.run()
        except Exception:  # noqa: BLE001 - the border of one connection
            _log.exception("a sealing connection ended by a fault of this program")


def main() -> int:
    """Return the exit status."""
    return execute("dkim.arc", run)


if __name__ == "__main__":
    sys.exit(main())
