"""Milters beside OpenDKIM that run while somebody needs them: started when somebody comes.

The agent has the socket that listens, and nothing else of it; so a milter that is not needed takes
no memory. The probe does not ask it, or it would always be needed.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Never

from mailstack.aio import process, sockets
from mailstack.aio.backoff import Backoff
from mailstack.aio.finish import finish
from mailstack.daemons import program
from mailstack.daemons.contract import Site
from mailstack.topology.model import Endpoint

_STOP_S: Final = 5.0
_PATIENCE: Final = 5
"""Times that the port may be taken, some three seconds in all, before a word is said."""


@dataclass(frozen=True, slots=True)
class Milter:
    """One of them."""

    module: str
    file: str
    """Its configuration."""
    port: str
    purpose: str
    mail: str
    """Which waits without it."""

    async def attend(self, site: Site, say: Callable[[str], None]) -> Never:
        """Start it for who comes, as often as somebody does; until cancelled."""
        listening = await self._listen(site.addresses[self.port], say)
        backoff = Backoff()
        with listening:
            while True:
                await _called(listening)
                status = await self._serve(site, listening, say)
                if status == 0:
                    backoff.reset()
                else:
                    say(f"what {self.purpose} ended with {status}; {self.mail} waits")
                    await asyncio.sleep(backoff.next_s())

    async def _listen(self, at: Endpoint, say: Callable[[str], None]) -> socket.socket:
        """Take the port; the one before us, of another configuration, may have it still."""
        backoff = Backoff()
        while True:
            try:
                return sockets.listen(at)[0]
            except OSError as error:
                if backoff.failures > _PATIENCE:
                    say(f"{self.mail} waits: {at} cannot be had: {error.strerror}")
                await asyncio.sleep(backoff.next_s())

    async def _serve(self, site: Site, listening: socket.socket, say: Callable[[str], None]) -> int:
        command = program.command(self.module, site.paths.conf / self.file)
        running = await process.start(
            command.argv, on_line=say, env=command.env, stdin=listening.fileno()
        )
        try:
            status = await running.wait()
            await running.sweep()
        except asyncio.CancelledError:
            await finish(running.stop(_STOP_S))
            raise
        return status


async def _called(listening: socket.socket) -> None:
    """Wait until there is a connection to accept, and leave it there."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listening.fileno(), came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listening.fileno())
