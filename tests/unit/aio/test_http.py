"""The small HTTP server, asked in good and in bad ways."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from mailstack.agent.keys import self_signed
from mailstack.aio import http
from mailstack.aio.clients import Clients
from mailstack.aio.http import MAX_BODY, Answer, HttpServer, Request, bears, document, text
from mailstack.aio.tls import unverified


async def echo(request: Request) -> Answer:
    if request.path == ("fault",):
        raise RuntimeError("of the handler")
    if request.path == ("peer",):
        return text(200, request.peer)
    return document({"method": request.method, "path": request.path, "octets": len(request.body)})


@asynccontextmanager
async def connection(
    clients: Clients | None = None,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    tasks: set[asyncio.Task[None]] = set()
    server = HttpServer(echo, clients=clients)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(server.serve(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        listening.close()
        await asyncio.gather(*tasks)


async def answer(request: bytes, *, finish: bool = True, clients: Clients | None = None) -> str:
    async with connection(clients) as (reader, writer):
        writer.write(request)
        if finish:
            writer.write_eof()
        async with asyncio.timeout(10):
            return (await reader.read()).decode()


async def test_a_request_with_a_body() -> None:
    """It is read whole, and its path cut before it is unquoted."""
    said = await answer(
        b"POST /a/b%2f..%2fc?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert said.startswith("HTTP/1.1 200")
    assert '{"method": "POST", "path": ["a", "b/../c"], "octets": 3}' in said


async def test_who_asks_is_known() -> None:
    """A handler is told the address at the other end."""
    said = await answer(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.endswith("\r\n\r\n127.0.0.1\n")


async def test_head_has_no_body() -> None:
    """But the length that GET would have."""
    said = await answer(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = said.partition("\r\n\r\n")
    assert "Content-Length: 46" in head
    assert body == ""


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" + b"x" * (MAX_BODY + 1),
    ],
)
async def test_what_is_no_request_gets_no_answer(request_: bytes) -> None:
    """The connection closes; nothing is logged that somebody outside could fill a disk with."""
    assert await answer(request_) == ""


async def test_a_fault_of_the_handler_ends_one_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged, and the server goes on."""
    assert await answer(b"GET /fault HTTP/1.1\r\nHost: x\r\n\r\n") == ""
    assert "of the handler" in caplog.text


async def test_who_sends_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that stays silent is closed."""
    monkeypatch.setattr(http, "TIMEOUT_S", 0.05)
    assert await answer(b"GET / HTTP", finish=False) == ""


async def test_who_asks_too_often_is_told_so_and_then_hung_up_on() -> None:
    """Its connections are counted, and each that ends is counted off."""
    clients = Clients(at_once=1, a_minute=1, clock=lambda: 0.0)
    ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert (await answer(ask, clients=clients)).startswith("HTTP/1.1 200")
    told = await answer(ask, clients=clients)
    assert told.startswith("HTTP/1.1 429")
    assert "Retry-After: 60" in told
    with suppress(ConnectionResetError):
        assert await answer(ask, clients=clients) == ""
    assert clients.refused == 2


async def test_who_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that stays in our memory because nobody reads it goes with its connection."""
    monkeypatch.setattr(http, "TIMEOUT_S", 60)
    monkeypatch.setattr(http, "LINGER_S", 0.05)
    ended = asyncio.Event()
    large = Answer(200, b"x" * 32 * 1024**2)

    async def handle(_: Request) -> Answer:
        return large

    server = HttpServer(handle)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=len(large.body) * 2)  # drain is content
        await server.serve(reader, writer)
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        _, writer = await asyncio.open_connection(*listening.sockets[0].getsockname(), limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(60):
            await ended.wait()
        writer.close()


async def test_who_leaves_in_the_middle_of_tls_is_counted_off(tmp_path: Path) -> None:
    """A client that hangs up after its handshake, or during it, leaves nothing of itself behind."""
    key, certificate = self_signed(["localhost"])
    (tmp_path / "pair.pem").write_text(key + certificate)
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(tmp_path / "pair.pem")
    clients = Clients(at_once=1)
    ended: asyncio.Queue[BaseException | None] = asyncio.Queue()
    server = HttpServer(echo, tls=lambda: shown, clients=clients)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await server.serve(reader, writer)
        except Exception as error:  # noqa: BLE001 - whichever it is
            ended.put_nowait(error)
        else:
            ended.put_nowait(None)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        at = listening.sockets[0].getsockname()
        for leaves_how in ("during", "closed", "broken off", "closed"):
            if leaves_how == "during":
                _, writer = await asyncio.open_connection(*at)
                writer.write(b"\x16\x03\x01")
                writer.close()
            else:
                _, writer = await asyncio.open_connection(*at, ssl=unverified())
                (writer.close if leaves_how == "closed" else writer.transport.abort)()
            async with asyncio.timeout(60):
                assert await ended.get() is None
    assert clients.refused == 0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer secret", True),
        ("bearer secret", True),
        ("Bearer secre", False),
        ("Bearer", False),
        ("Basic secret", False),
        ("Bearer sécret", False),
        ("", False),
    ],
)
def test_the_token(header: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Exactly that one, whatever is sent."""
    request = Request("GET", (), {"authorization": header})
    assert bears(request, "secret") is expected


def test_words_end_with_a_newline() -> None:
    """They are shown on terminals."""
    assert text(404, "no such page").body == b"no such page\n"
