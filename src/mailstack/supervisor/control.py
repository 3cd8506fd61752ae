"""The supervisor's socket: ``STATE/run/supervisor.sock``, JSON lines, root only.

    → {"do": "status"}   ← the object of ``status --json``, and the connection closes
    → {"do": "watch"}    ← events until the start has ended: {"service", "state", "reason", "at_s"},
                           last {"started": true} or {"failed": reason}
    → {"do": "stop"}     ← events until all has stopped, last {"stopped": true}

``Board`` keeps the subscribers; the supervisor tells it what happens. A subscriber that does not
read is dropped: nobody may slow the supervisor down.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Event = dict[str, Any]

MAX_LINE: Final = 65_536
_REQUEST_TIMEOUT_S: Final = 5.0
_SEND_TIMEOUT_S: Final = 5.0
_MAX_WAITING: Final = 256
"""Events of one subscriber; a whole start makes about forty."""
LAST: Final = ("started", "failed", "stopped")
"""Keys of events after which nothing follows."""


def path(state: Path) -> Path:
    return state / "run" / "supervisor.sock"


@dataclass(slots=True)
class Board:
    """Events, and who wants them. A late subscriber first gets what has happened so far."""

    _past: dict[str, Event] = field(default_factory=dict)
    """The last event of each service."""
    _end: Event | None = None
    _subscribers: set[asyncio.Queue[Event]] = field(default_factory=set)

    def tell(self, event: Event) -> None:
        if "service" in event:
            self._past[event["service"]] = event
        else:
            self._end = event
        for queue in list(self._subscribers):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._subscribers.discard(queue)

    async def events(self) -> AsyncIterator[Event]:
        """Yield events, the last of each service at first, until one of ``LAST``."""
        queue: asyncio.Queue[Event] = asyncio.Queue(_MAX_WAITING)
        for event in [*self._past.values(), *([self._end] if self._end else [])]:
            queue.put_nowait(event)
        self._subscribers.add(queue)
        try:
            while queue in self._subscribers or not queue.empty():
                event = await queue.get()
                yield event
                if any(key in event for key in LAST):
                    return
        finally:
            self._subscribers.discard(queue)

    def forget_end(self) -> None:
        """A stop begins: who subscribes from now on waits for its end."""
        self._end = None


@dataclass(slots=True)
class Control:
    """Answers the requests of one connection after another."""

    board: Board
    status: Callable[[], Event]
    """Blocks for some milliseconds; called in a thread."""
    stop: Callable[[], None]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close."""
        with suppress(OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                request = json.loads(await reader.readuntil(b"\n"))
            await self._answer(request, writer)
        writer.close()

    async def _answer(self, request: object, writer: asyncio.StreamWriter) -> None:
        match request:
            case {"do": "status"}:
                await send(writer, await asyncio.to_thread(self.status))
            case {"do": "watch"}:
                await self._stream(writer)
            case {"do": "stop"}:
                self.board.forget_end()
                self.stop()
                await self._stream(writer)
            case _:
                await send(writer, {"failed": "unknown request"})

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        async for event in self.board.events():
            await send(writer, event)


async def send(writer: asyncio.StreamWriter, event: Event) -> None:
    """Write one line.

    Raises:
        OSError: the peer is gone, or does not read.
    """
    writer.write(json.dumps(event).encode() + b"\n")
    async with asyncio.timeout(_SEND_TIMEOUT_S):
        await writer.drain()
