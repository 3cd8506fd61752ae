"""The milter port: bounds the connections, ends them with the filter."""

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mailstack.contentfilter.directory import Directory
from mailstack.contentfilter.milter import MilterSession
from mailstack.contentfilter.origin import Origin
from mailstack.contentfilter.reports import Reports
from mailstack.identity.record import Tally, uncounted

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailstack.contentfilter.filter import Filter

MAX_CONNECTIONS: Final = 200
"""Above Postfix's own number of processes (default_process_limit)."""

_log = logging.getLogger(__name__)


class MilterServer:
    """``accept`` is called with each connection; ``tally`` with what is found of each message."""

    def __init__(
        self, current: "Callable[[], Filter]", directory: Directory, tally: Tally = uncounted
    ) -> None:
        self._current = current
        self._directory = directory
        resolver = current().config.resolver
        self._origin = None if resolver is None else Origin(*resolver, tally)
        self._reports = Reports()
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_CONNECTIONS:
            self._current().metrics.refused_connections.counts[()] += 1
            writer.close()
            return
        session = MilterSession(
            self._current, self._directory, self._origin, reader, writer, reports=self._reports
        )
        task = asyncio.get_running_loop().create_task(_guarded(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End all of them: Postfix goes on without us, or tells its client to come again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._origin is not None:
            self._origin.close()


async def _guarded(session: MilterSession) -> None:
    """A fault in one connection ends that connection, not the filter."""
    with suppress(asyncio.CancelledError):
        try:
            await session.run()
        except Exception:  # noqa: BLE001 - the border of one connection
            _log.exception("a milter connection ended by a fault of this program")
