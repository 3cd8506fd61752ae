"""Health and metrics over HTTP, for probes and Prometheus: three pages, one request a connection.

h11 does the protocol; a whole web framework would weigh more than the filter.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import h11

from mailstack.contentfilter.streams import send
from mailstack.observe.metrics import CONTENT_TYPE

TIMEOUT_S: Final = 5.0
MAX_CONNECTIONS: Final = 16
PLAIN: Final = "text/plain; charset=utf-8"

Page: TypeAlias = Callable[[], tuple[int, str, bytes]]
"""Returns status, content type, body."""

_log = logging.getLogger(__name__)


def pages(ready: Callable[[], str], exposition: Callable[[], bytes]) -> Mapping[str, Page]:
    """``ready`` returns why the filter does not serve, or nothing."""

    def readyz() -> tuple[int, str, bytes]:
        reason = ready()
        return (503, PLAIN, f"{reason}\n".encode()) if reason else (200, PLAIN, b"ready\n")

    return {
        "/healthz": lambda: (200, PLAIN, b"ok\n"),
        "/readyz": readyz,
        "/metrics": lambda: (200, CONTENT_TYPE, exposition()),
    }


class HttpServer:
    """Answers GET and HEAD. ``serve`` is called with each connection."""

    def __init__(self, routes: Mapping[str, Page]) -> None:
        self._routes = routes
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._exchange(reader, writer)
        except (OSError, h11.ProtocolError) as error:
            _log.debug("http: %s", error)
        finally:
            self._open -= 1
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=8192)
        event = connection.next_event()
        while event is h11.NEED_DATA:
            connection.receive_data(await reader.read(8192))
            event = connection.next_event()
        if isinstance(event, h11.Request):
            await send(writer, self._answer(connection, event), TIMEOUT_S)

    def _answer(self, connection: h11.Connection, request: h11.Request) -> bytes:
        status, content_type, body = self._page(request)
        head = h11.Response(
            status_code=status,
            headers=[
                ("Content-Type", content_type),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ],
        )
        parts: list[h11.Event] = [head, h11.Data(body), h11.EndOfMessage()]
        if request.method == b"HEAD":
            del parts[1]
        return b"".join(connection.send(part) or b"" for part in parts)

    def _page(self, request: h11.Request) -> tuple[int, str, bytes]:
        page = self._routes.get(request.target.split(b"?", 1)[0].decode("latin-1"))
        if page is None:
            return 404, PLAIN, b"no such page\n"
        if request.method not in (b"GET", b"HEAD"):
            return 405, PLAIN, b"only GET\n"
        return page()
