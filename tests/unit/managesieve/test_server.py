"""Sessions on sockets: how many, how they end, what is counted."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tests.unit.managesieve.test_dialogs import make_session

from mailstack.aio.http import Request
from mailstack.managesieve import server as module
from mailstack.managesieve.metrics import SieveMetrics
from mailstack.managesieve.server import Server
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Stage:
    """A server, and its numbers."""

    server: Server
    metrics: SieveMetrics

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    async def number(self, series: str) -> float:
        page = (await self.metrics.pages(Request("GET", ("metrics",), {}))).body.decode()
        (line,) = [line for line in page.splitlines() if line.startswith(f"{series} ")]
        return float(line.rpartition(" ")[2])


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    metrics = SieveMetrics()
    made = Server(
        make_session, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), metrics, max_literal=64
    )
    await made.start(Endpoint("127.0.0.1", 0))
    try:
        yield Stage(made, metrics)
    finally:
        await made.stop(1)


async def answer(reader: asyncio.StreamReader) -> str:
    """The line that ends an answer; empty at the end of the connection."""
    async with asyncio.timeout(5):
        while line := (await reader.readline()).decode():
            if line.startswith(("OK", "NO", "BYE")):
                return line.rstrip()
    return ""


async def test_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told to come later, and is counted; who was there goes on."""
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 1)
    async with stage() as on:
        reader, writer = await on.connect()
        assert (await answer(reader)).startswith("OK")
        late, its_writer = await on.connect()
        assert (await answer(late)).startswith("BYE (TRYLATER)")
        its_writer.close()
        assert await on.number("mailstack_managesieve_refused_connections_total") == 1
        assert await on.number("mailstack_managesieve_connections") == 1
        writer.write(b"LOGOUT\r\n")
        assert (await answer(reader)).startswith("OK")
        writer.close()


async def test_the_end() -> None:
    """Sessions that idle are told goodbye when the server stops."""
    async with stage() as on:
        reader, writer = await on.connect()
        assert (await answer(reader)).startswith("OK")
        await on.server.stop(5)
        assert (await answer(reader)).startswith("BYE (TRYLATER)")
        assert await on.number("mailstack_managesieve_connections") == 0
        writer.close()


@pytest.mark.parametrize(
    "sent", [b"STARTTLS\r\nLOGOUT\r\n", b'STARTTLS\r\n"', b"x" * 9000, b"NOOP {9}\r\n"]
)
async def test_what_ends_a_session(sent: bytes) -> None:
    """Commands behind STARTTLS, and streams that cannot be followed."""
    async with stage() as on:
        reader, writer = await on.connect()
        assert (await answer(reader)).startswith("OK")
        writer.write(sent)
        async with asyncio.timeout(5):
            assert b"LOGOUT" not in await reader.read()
        writer.close()


async def test_commands_are_counted() -> None:
    """By name and result; what a peer makes up is no label."""
    async with stage() as on:
        reader, writer = await on.connect()
        assert (await answer(reader)).startswith("OK")
        for command in (b"NOOP", b"LISTSCRIPTS", b"EVIL", b'"text"', b"((("):
            writer.write(command + b"\r\n")
            assert await answer(reader)
        total = "mailstack_managesieve_commands_total"
        assert await on.number(f'{total}{{command="NOOP",result="ok"}}') == 1
        assert await on.number(f'{total}{{command="LISTSCRIPTS",result="refused"}}') == 1
        assert await on.number(f'{total}{{command="other",result="refused"}}') == 3
        writer.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "healthz", 200),
        ("HEAD", "readyz", 200),
        ("GET", "metrics", 200),
        ("GET", "x", 404),
        ("POST", "metrics", 405),
    ],
)
async def test_pages(method: str, path: str, status: int) -> None:
    """Health and metrics, nothing else."""
    assert (await SieveMetrics().pages(Request(method, (path,), {}))).status == status


async def test_the_client_behind_a_load_balancer(caplog: pytest.LogCaptureFixture) -> None:
    """A wrong login is logged with the address that the header names, not the balancer's."""
    made = Server(
        lambda address: make_session(address, secure=True),
        lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        SieveMetrics(),
        max_literal=64,
    )
    await made.start_balanced(Endpoint("127.0.0.1", 0), ("127.0.0.0/8",))
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        writer.write(b"PROXY TCP6 2001:db8::9 ::1 4711 4190\r\n")
        assert (await answer(reader)).startswith("OK")
        writer.write(b'AUTHENTICATE "PLAIN" "AGFubmEAd3Jvbmc="\r\n')
        assert (await answer(reader)).startswith("NO")
        writer.close()
    finally:
        await made.stop(1)
    assert "wrong login 'anna' from 2001:db8::9" in caplog.text
