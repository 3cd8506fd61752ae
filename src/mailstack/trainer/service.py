"""The trainer's HTTP: on-demand runs with their progress, health, metrics."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from mailstack.aio.http import Answer, HttpServer, Request, bears, text
from mailstack.aio.sockets import start_server
from mailstack.model.addresses import Address, parse_address
from mailstack.program.pages import operations
from mailstack.topology.model import Endpoint
from mailstack.trainer.training import Event, Training

JSON_LINES: Final = "application/x-ndjson"
MAX_PENDING: Final = 256
"""Events that a slow reader has not taken; progress beyond is not told, ends always are."""
_PROGRESS: Final = "progress"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """``handle`` each request. ``group`` runs what goes on after a reader has gone."""

    training: Training
    token: str
    group: asyncio.TaskGroup
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def handle(self, request: Request) -> Answer:
        """Answer one request."""
        match request.method, request.path:
            case "POST", ("train",):
                return self._post(request)
            case _, ("train",):
                return text(HTTPStatus.METHOD_NOT_ALLOWED, "only POST")
        return operations(request, self.training.metrics.exposition)

    def _post(self, request: Request) -> Answer:
        if not bears(request, self.token):
            return text(HTTPStatus.UNAUTHORIZED, "this needs the stack's token")
        try:
            body = json.loads(request.body or b"{}")
            return self._train([_address(user) for user in body.get("users", [])])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return text(HTTPStatus.BAD_REQUEST, f"the body is not understood: {error}")

    def _train(self, users: Sequence[Address]) -> Answer:
        """Begin, and stream what happens. Whoever hangs up does not end it."""
        events = Events()
        task = self.group.create_task(self._run(users, events))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return Answer(HTTPStatus.OK, content_type=JSON_LINES, pieces=events.lines())

    async def _run(self, users: Sequence[Address], events: "Events") -> None:
        """Of ``users``, or of everybody."""
        failed = 1
        try:
            chosen = _each(users) if users else self.training.all_users()
            failed = await self.training.everybody(chosen, events.tell)
        finally:
            events.tell({"event": "end", "failed": failed})
            events.end()


class Events:
    """What happens, for one reader. Bounded: a reader that sleeps misses progress, no results."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()

    def tell(self, event: Event) -> None:
        if event["event"] != _PROGRESS or self._queue.qsize() < MAX_PENDING:
            self._queue.put_nowait(event)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield one JSON line for each event."""
        while (event := await self._queue.get()) is not None:
            yield json.dumps(event).encode() + b"\n"


async def _each(users: Sequence[Address]) -> AsyncIterator[Address]:
    for address in dict.fromkeys(users):
        yield address


def _address(word: Any) -> Address:  # noqa: ANN401 - JSON enters here
    return parse_address(word) if isinstance(word, str) else parse_address("")


class Port:
    """Taken while we are root, served afterwards."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._http: HttpServer | None = None
        self._group: asyncio.TaskGroup | None = None

    async def open(self, at: Endpoint) -> None:
        """Take the port.

        Raises:
            OSError: it is taken, or the address is not this machine's.
        """
        self._server = await start_server(at, self._accept, start_serving=False)

    async def serve(self, http: HttpServer, group: asyncio.TaskGroup) -> None:
        """Answer for ever."""
        assert self._server is not None  # noqa: S101 - a programmer's error
        self._http, self._group = http, group
        async with self._server:
            await self._server.serve_forever()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._http is not None and self._group is not None:
            self._group.create_task(self._http.serve(reader, writer))
