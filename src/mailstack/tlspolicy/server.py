"""Postfix's questions (socketmap), each connection a task; and health and metrics over HTTP."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from mailstack.aio.http import Answer, Request
from mailstack.errors import ProtocolError
from mailstack.observe.metrics import Counter, Gauge, Metrics
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.program.pages import operations
from mailstack.protocols import mta_sts, socketmap
from mailstack.tlspolicy.policies import Spell

MAPS: Final = {
    b"tlspolicy": mta_sts.postfix_policy,
    b"tlspolicy-3.10": mta_sts.whole_postfix_policy,
}
"""Name of the map → how its answers are written: an older Postfix refuses what it does not know."""
MAX_CONNECTIONS: Final = 200
"""Each process of Postfix that sends mail holds one; there are 100 of them at most by default."""
IDLE_S: Final = 600.0
"""Postfix keeps a connection for as long as its process lives; another one costs it nothing."""
WRITE_S: Final = 10.0
RESULTS: Final = {Found: "demanded", NotFound: "free", Unavailable: "unavailable"}

LookUp = Callable[[str, Spell], Awaitable[Outcome[str]]]

_log = logging.getLogger(__name__)


class Server:
    """``serve`` is called with each connection of Postfix, ``pages`` with each HTTP request."""

    def __init__(self, look_up: LookUp, policies: Callable[[], int]) -> None:
        self._look_up = look_up
        self._open = 0
        self.asked = Counter(
            "mailstack_tlspolicy_lookups",
            "Questions of Postfix: servers are demanded, anything is free, or nobody can tell.",
            ("result",),
            [(result,) for result in RESULTS.values()],
        )
        self._page = Metrics(
            self.asked,
            Gauge("mailstack_tlspolicy_policies", "MTA-STS policies in force.", policies),
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the peer goes, or says nothing for long."""
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                await self._answer(reader, writer)
        except (OSError, ProtocolError) as error:  # TimeoutError is an OSError
            _log.debug("closed a connection: %r", error)
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests = socketmap.RequestReader()
        while data := await self._read(reader):
            for request in requests.feed(data):
                writer.write(await self._reply(request))
                async with asyncio.timeout(WRITE_S):
                    await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(IDLE_S):
            return await reader.read(socketmap.MAX_REQUEST)

    async def _reply(self, request: socketmap.Request) -> bytes:
        spell = MAPS.get(request.name)
        if spell is None:
            return socketmap.NO_SUCH_MAP
        outcome = await self._look_up(request.key.decode("utf-8", "replace"), spell)
        if isinstance(outcome, Unavailable):
            _log.warning("mail waits: %s", outcome.reason)
        self.asked.counts[(RESULTS[type(outcome)],)] += 1
        return socketmap.encode(outcome)

    async def pages(self, request: Request) -> Answer:
        """Who can ask is answered by a process that serves."""
        return operations(request, self._page.exposition)
