"""The filter on its sockets: accept, bound, and end in good order."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from mailstack.aio.http import Answer, HttpServer, Request
from mailstack.aio.sockets import listen, start_server
from mailstack.contentfilter.config import Address, Config
from mailstack.contentfilter.directory import Directory
from mailstack.contentfilter.filter import Filter
from mailstack.contentfilter.milter_server import MilterServer
from mailstack.contentfilter.outbound import Outbound, policy_listener
from mailstack.contentfilter.session import Session
from mailstack.contentfilter.usage_file import KeptUsage
from mailstack.identity.record import uncounted
from mailstack.identity.tally import JOURNAL, Journal
from mailstack.program.pages import operations
from mailstack.protocols.lmtp_replies import reply
from mailstack.topology.model import Endpoint

STREAM_LIMIT: Final = 131_072
"""Octets a stream holds before it stops reading from the kernel (twice this, at most)."""
_POLICY_GRACE_S: Final = 1.0
"""For answers that are being written; the next question gets no answer, which refuses nothing."""
_BUSY: Final = reply(421, "4.3.2 Too many connections, come again later")

_log = logging.getLogger(__name__)


class Service:
    """``start`` it, then ``run`` it until told to stop."""

    def __init__(
        self, current: Filter, beside: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Args: beside: something that runs as long as the service does, and never ends."""
        self._filter = current
        self._beside = beside
        self._tasks = asyncio.TaskGroup()
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._http = HttpServer(self._operations)
        config = current.config
        usage = KeptUsage(config.usage)
        self._outbound = Outbound(config.max_recipients_per_day, usage, current.metrics)
        self._policy = policy_listener(self._outbound)
        self._servers: list[asyncio.Server] = []
        self._milter: MilterServer | None = None
        self._numbers = itertools.count(1)
        self.serving = asyncio.Event()

    async def start(self) -> None:
        """Take the ports; nobody is accepted before ``run``.

        Raises:
            OSError: a port is taken, or an address is not this machine's.
        """
        config = self._filter.config
        self._servers = [
            await _listen(config.listen, self._accept),
            await _listen(config.http, self._accept_http),
        ]
        if config.milter and config.aliases:
            tally = uncounted if config.reports is None else Journal(config.reports / JOURNAL)
            directory = Directory(config.aliases)
            self._milter = MilterServer(lambda: self._filter, directory, tally)
            self._servers.append(await _listen(config.milter, self._milter.accept))
        if config.policy:
            await self._policy.start(listen(Endpoint(*config.policy))[0])

    @property
    def ports(self) -> list[int]:
        """In use: LMTP, HTTP, milter. Tests listen on port 0."""
        return [int(server.sockets[0].getsockname()[1]) for server in self._servers]

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``, then end in good order."""
        async with self._tasks:
            for server in self._servers:
                await server.start_serving()
            beside = self._tasks.create_task(_guarded(self._beside())) if self._beside else None
            self.serving.set()
            silent = self._tasks.create_task(self._policy.close_silent_ones())
            await stop.wait()
            silent.cancel()
            await self._stop()
            if beside is not None:
                beside.cancel()

    def reload(self, config: Config) -> None:
        """Begin new transactions by ``config``. Its ports and account are not looked at."""
        retired = self._filter
        self._filter = Filter(config, retired.metrics, retired.profiles)
        retired.retire()
        self._outbound.limit = config.max_recipients_per_day

    async def _stop(self) -> None:
        """Accept nothing new, finish the transactions under way, end."""
        self._servers[0].close()
        self._filter.retire()
        for session in list(self._sessions):
            session.stop()
        if self._sessions:
            await asyncio.wait(
                self._sessions.values(), timeout=self._filter.config.timeouts.shutdown
            )
        for task in list(self._sessions.values()):
            # No 250 was said, so the message stays in the client's queue.
            task.cancel()
        await self._policy.stop(_POLICY_GRACE_S)
        if self._milter is not None:
            await self._milter.stop()
        for server in self._servers[1:]:
            server.close()

    async def _operations(self, request: Request) -> Answer:
        stopping = "stopping" if self._filter.retired else ""
        return operations(request, self._filter.metrics.exposition, not_ready=stopping)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        metrics = self._filter.metrics
        if len(self._sessions) >= self._filter.config.max_connections:
            metrics.refused_connections.counts[()] += 1
            writer.write(_BUSY.encode())
            writer.close()
            return
        metrics.connections += 1
        session = Session(lambda: self._filter, reader, writer, f"{next(self._numbers):x}")
        task = self._tasks.create_task(_guarded(session.run()))
        self._sessions[session] = task
        task.add_done_callback(lambda _: self._leave(session))

    def _leave(self, session: Session) -> None:
        self._filter.metrics.connections -= 1
        del self._sessions[session]

    def _accept_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.create_task(_guarded(self._http.serve(reader, writer)))


async def _listen(
    address: Address, accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
) -> asyncio.Server:
    return await start_server(Endpoint(*address), accept, limit=STREAM_LIMIT, start_serving=False)


async def _guarded(work: Awaitable[None]) -> None:
    """A fault in one connection ends that connection, not the filter."""
    with suppress(asyncio.CancelledError):
        try:
            await work
        except Exception:  # noqa: BLE001 - the border of one connection
            _log.exception("a connection ended by a fault of this program")
