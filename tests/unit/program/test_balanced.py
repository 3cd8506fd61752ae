"""Who is believed about a client's address, and who is hung up on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from mailstack.aio.sockets import start_server
from mailstack.program import balanced
from mailstack.program.balanced import direct, introduced
from mailstack.topology.model import Endpoint

LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 143\r\n"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str) -> None:
    """Say who the client is, then what it sent."""
    writer.write(f"{client}:".encode() + await reader.readexactly(2))
    writer.close()


@asynccontextmanager
async def serving(networks: Sequence[str] | None) -> AsyncIterator[int]:
    serve = direct(echo) if networks is None else introduced(echo, networks)
    server = await start_server(Endpoint("127.0.0.1", 0), serve)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def answer(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(60):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (LINE + b"hi", b"203.0.113.9:hi"),
        (b"PROXY TCP6 2001:db8::9 ::1 1 2\r\nhi", b"2001:db8::9:hi"),
        (b"PROXY UNKNOWN\r\nhi", b"127.0.0.1:hi"),
    ],
)
async def test_who_is_introduced(sent: bytes, said: bytes) -> None:
    """The client is who the balancer says; the balancer itself where it names nobody."""
    async with serving(("192.0.2.0/24", "127.0.0.0/8")) as port:
        assert await answer(port, sent) == said


async def test_a_stranger_is_hung_up_on(caplog: pytest.LogCaptureFixture) -> None:
    """With a header or without one; the log says who it was, and why."""
    caplog.set_level(logging.WARNING)
    async with serving(("192.0.2.0/24", "2001:db8::/32")) as port:
        assert await answer(port, LINE + b"hi") == b""
        assert await answer(port, b"hi") == b""
    said = [record.getMessage() for record in caplog.records]
    assert said == ["hung up on 127.0.0.1: it is no load balancer of listen.proxy_networks"] * 2


async def test_a_balancer_without_a_header(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says something else, or nothing at all, reaches nobody."""
    async with serving(("127.0.0.1/32",)) as port:
        assert await answer(port, b"a LOGIN x y\r\n") == b""
        monkeypatch.setattr(balanced, "HEADER_S", 0.0)
        assert await answer(port, b"") == b""
    first, second = (record.getMessage() for record in caplog.records)
    assert "not with a header" in first
    assert second == "hung up on 127.0.0.1: no header in time"


async def test_who_comes_directly() -> None:
    """Without load balancers the client is who connects, and nothing is read in front."""
    async with serving(None) as port:
        assert await answer(port, b"hi") == b"127.0.0.1:hi"


async def test_a_look_at_the_port(caplog: pytest.LogCaptureFixture) -> None:
    """A balancer connects and leaves to see whether somebody is there: that is worth no line."""
    async with serving(("127.0.0.1/32",)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        assert await answer(port, LINE + b"hi") == b"203.0.113.9:hi"
    assert not caplog.records
