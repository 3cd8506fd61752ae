"""A small HTTP server for programs of ours: health, metrics, a few requests of other services.

One request a connection, its body bounded and whole before it is answered. h11 does the protocol;
a web framework would weigh more than the programs that use this.
"""

import asyncio
import hmac
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import unquote

import h11

from mailstack.aio.clients import Clients, Verdict, client_of

TIMEOUT_S: Final = 5.0
"""To send the request, and to take the answer. What is between them is the handler's time."""
HANDSHAKE_S: Final = 10.0
"""For TLS to come up, where it is asked for."""
LINGER_S: Final = 2.0
"""For the peer to take the end of TLS; until then the connection counts as open."""
MAX_CONNECTIONS: Final = 16
MAX_BODY: Final = 64 * 1024
PLAIN: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` is cut at its slashes and unquoted, so that no name can add a part."""

    method: str
    path: tuple[str, ...]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""
    query: str = ""
    """As it came, without the question mark."""
    peer: str = ""
    """The address that asks; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = PLAIN
    headers: tuple[tuple[str, str], ...] = field(default=())
    pieces: AsyncIterator[bytes] | None = None
    """What follows ``body`` as it comes about, in chunks; the head goes out at once."""


Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]


def text(status: int, words: str) -> Answer:
    return Answer(status, f"{words}\n".encode())


def document(fields: Mapping[str, object], status: int = 200) -> Answer:
    return Answer(status, json.dumps(fields).encode() + b"\n", JSON)


TOO_MANY: Final = Answer(
    HTTPStatus.TOO_MANY_REQUESTS,
    b"too many requests; come again in a minute\n",
    headers=(
        ("Retry-After", "60"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ),
)


def bears(request: Request, token: str) -> bool:
    """Whether the request carries the stack's token (RFC 6750, 2.1)."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(credentials.strip().encode(), token.encode())
    return scheme.lower() == "bearer" and same


class HttpServer:
    """``serve`` is called with each connection."""

    def __init__(
        self,
        handler: Handler,
        *,
        max_connections: int = MAX_CONNECTIONS,
        tls: Callable[[], ssl.SSLContext] | None = None,
        clients: Clients | None = None,
    ) -> None:
        """``tls`` is asked for each connection, so that a new certificate needs no restart."""
        self._handler = handler
        self._max_connections = max_connections
        self._tls = tls
        self._clients = Clients() if clients is None else clients
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request. Never raises, but for cancellation."""
        peer = str((writer.get_extra_info("peername") or ("",))[0])
        client = client_of(peer)
        plain = writer.transport
        self._open += 1
        try:
            verdict = self._clients.enter(client)
            if self._open <= self._max_connections and verdict is not Verdict.DROPPED:
                if self._tls:
                    await writer.start_tls(self._tls(), ssl_handshake_timeout=HANDSHAKE_S)
                await self._exchange(reader, writer, verdict, peer)
        except (OSError, h11.ProtocolError) as error:
            _log.debug("http: %s", error)
        except Exception:  # noqa: BLE001 - the border of one connection
            _log.exception("a request ended by a fault of this program")
        finally:
            try:
                await _close(writer, plain)
            finally:
                self._open -= 1
                self._clients.leave(client)

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        verdict: Verdict,
        peer: str,
    ) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=8192)
        async with asyncio.timeout(TIMEOUT_S):
            request = await _receive(connection, reader)
        if request is None:
            return None
        request = replace(request, peer=peer)
        answer = TOO_MANY if verdict is Verdict.TOLD else await self._handler(request)
        if answer.pieces is None:
            return await _send(writer, _encoded(connection, request.method, answer))
        return await _stream(connection, writer, answer, answer.pieces)


async def _close(writer: asyncio.StreamWriter, plain: asyncio.WriteTransport) -> None:
    """Close, and break off where the peer does not take what is left for it.

    ``plain`` is what lies below TLS: a TLS transport of Python 3.11 that the peer has closed cannot
    be aborted.
    """
    writer.close()
    with suppress(OSError):
        try:
            async with asyncio.timeout(LINGER_S):
                await writer.wait_closed()
        finally:
            plain.abort()


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    """Read one request; None when the peer has closed, or sends more than it may."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(8192))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body))
        else:
            return None


def _request(head: h11.Request, body: bytes) -> Request:
    path, _, query = head.target.decode("latin-1").partition("?")
    return Request(
        head.method.decode("ascii"),
        tuple(unquote(part) for part in path.split("/")[1:]),
        {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
        body,
        query,
    )


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    async with asyncio.timeout(TIMEOUT_S):
        await writer.drain()


async def _stream(
    connection: h11.Connection,
    writer: asyncio.StreamWriter,
    answer: Answer,
    pieces: AsyncIterator[bytes],
) -> None:
    """Send an answer of unknown length. A peer that hangs up ends it with ``OSError``."""
    headers = [("Content-Type", answer.content_type), ("Connection", "close"), *answer.headers]
    head = h11.Response(status_code=answer.status, headers=headers)
    await _send(writer, connection.send(head) or b"")
    async for piece in pieces:
        await _send(writer, connection.send(h11.Data(piece)) or b"")
    await _send(writer, connection.send(h11.EndOfMessage()) or b"")


def _encoded(connection: h11.Connection, method: str, answer: Answer) -> bytes:
    headers = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        ("Connection", "close"),
        *answer.headers,
    ]
    parts: list[h11.Event] = [h11.Response(status_code=answer.status, headers=headers)]
    if method != "HEAD":
        parts.append(h11.Data(answer.body))
    return b"".join(connection.send(part) or b"" for part in [*parts, h11.EndOfMessage()])
