"""ManageSieve sessions on sockets: TLS, time limits, a bound on connections, an orderly end."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from mailstack.aio.sockets import start_server
from mailstack.errors import ProtocolError
from mailstack.managesieve.metrics import SieveMetrics
from mailstack.managesieve.session import Next, Session
from mailstack.program.balanced import direct, introduced
from mailstack.protocols.managesieve import CommandReader, Line, response
from mailstack.topology.model import Endpoint

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 100
"""At once. A client holds one while its owner edits filters, which is seldom."""

LOGIN_S = 120.0
"""Silence allowed before the login."""

IDLE_S = 1800.0
"""Silence allowed after it: at least 30 minutes (RFC 5804 1.1)."""

WRITE_S = 60.0
"""For the peer to take a response."""

HANDSHAKE_S = 30.0
"""For TLS to come up."""

READ_OCTETS = 65_536

INJECTED = "commands were pipelined behind STARTTLS"
"""They came in the clear and would be read as if under TLS (as in CVE-2011-0411)."""


class Server:
    """The public port, and that of load balancers."""

    def __init__(
        self,
        make_session: Callable[[str], Session],
        tls: Callable[[], ssl.SSLContext],
        metrics: SieveMetrics,
        *,
        max_literal: int,
    ) -> None:
        """``make_session`` takes the client's address.

        ``tls`` is asked at each STARTTLS, so that a new certificate needs no restart.
        """
        self._make_session = make_session
        self._tls = tls
        self._metrics = metrics
        self._max_literal = max_literal
        self._connections: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    @property
    def port(self) -> int:
        """The port in use that was opened last; tests listen on port 0."""
        return int(self._servers[-1].sockets[0].getsockname()[1])

    async def start(self, endpoint: Endpoint) -> None:
        """Listen. A host of ``all`` means every address.

        Raises:
            OSError: the port is taken, or the address is not this machine's.
        """
        self._servers.append(
            await start_server(endpoint, direct(self._connected), limit=READ_OCTETS)
        )

    async def start_balanced(self, endpoint: Endpoint, networks: Sequence[str]) -> None:
        """Listen for load balancers from ``networks``, which name the client (PROXY protocol).

        Raises:
            OSError: the port is taken, or the address is not this machine's.
        """
        serve = introduced(self._connected, networks)
        self._servers.append(await start_server(endpoint, serve, limit=READ_OCTETS))

    async def stop(self, grace_s: float) -> None:
        """Accept no more; give sessions ``grace_s`` to finish the command that runs."""
        for server in self._servers:
            server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=grace_s)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        try:
            if len(self._connections) >= MAX_CONNECTIONS:
                self._metrics.refused.counts[()] += 1
                writer.write(response("BYE", "too many connections", code="TRYLATER"))
                return
            self._connections.add(task)
            self._metrics.connections += 1
            await self._converse(reader, writer, address)
        except (OSError, ProtocolError, ssl.SSLError) as error:
            log.info("session from %s ended: %s", address, error)
        except asyncio.CancelledError:
            writer.write(response("BYE", "the server stops", code="TRYLATER"))
        finally:
            if task in self._connections:
                self._connections.remove(task)
                self._metrics.connections -= 1
            with suppress(OSError):
                writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> None:
        session = self._make_session(address)
        await _send(writer, session.greeting())
        after = await self._until(session, reader, writer, Next.START_TLS)
        if after is Next.START_TLS:
            async with asyncio.timeout(HANDSHAKE_S):
                await _nothing_in_the_clear(reader, writer)
                await writer.start_tls(self._tls())
            await _send(writer, session.secured())
            await self._until(session, reader, writer, Next.CLOSE)

    async def _until(
        self,
        session: Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        end: Next,
    ) -> Next:
        """Answer commands until one leads to ``end`` or to the end of the connection."""
        commands = CommandReader(self._max_literal)
        async for line in _lines(session, reader, commands):
            said, after = await session.answer(line)
            self._metrics.answered(line, said)
            if after is Next.START_TLS and not commands.empty:
                raise ProtocolError(INJECTED)
            await _send(writer, said)
            if after in (end, Next.CLOSE):
                return after
        return Next.CLOSE


async def _nothing_in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Raise ``ProtocolError`` if anything has come since STARTTLS; let nothing more come."""
    writer.transport.pause_reading()  # type: ignore[attr-defined] # a stream's transport can
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            if await reader.read(1):
                raise ProtocolError(INJECTED)


async def _lines(
    session: Session, reader: asyncio.StreamReader, commands: CommandReader
) -> AsyncIterator[Line]:
    while True:
        async with asyncio.timeout(IDLE_S if session.user else LOGIN_S):
            data = await reader.read(READ_OCTETS)
        if not data:
            return
        for line in commands.feed(data):
            yield line


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    async with asyncio.timeout(WRITE_S):
        await writer.drain()
