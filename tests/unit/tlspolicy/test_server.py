"""The service on sockets: Postfix's protocol, health, metrics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.contracts.codec import ways

from mailstack.aio.http import Request
from mailstack.model.domains import DomainName
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols import netstring, socketmap
from mailstack.protocols.mta_sts import Policy
from mailstack.tlspolicy.policies import Spell
from mailstack.tlspolicy.server import Server
from mailstack.topology.model import LOOPBACK

ANSWERS: dict[str, Outcome[str]] = {
    "example.org": Found("dane-only"),
    "example.net": Unavailable("the resolver is gone"),
}


POLICY = Policy("enforce", 86_400, ("mx.example.com",))


async def look_up(key: str, spell: Spell) -> Outcome[str]:
    if key == "example.com":
        return Found(spell(DomainName(key), POLICY))
    return ANSWERS.get(key, NotFound())


@asynccontextmanager
async def connection(
    server: Server,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with await asyncio.start_server(server.serve, LOOPBACK, 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            yield reader, writer
        finally:
            writer.close()
            await writer.wait_closed()


async def test_three_answers() -> None:
    """Found, not found, unavailable; another map is an error that keeps mail waiting."""
    server = Server(look_up, lambda: 3)
    asked = [b"tlspolicy example.org", b"tlspolicy a.example", b"tlspolicy example.net", b"x y"]
    expected = netstring.encode(b"OK dane-only") + socketmap.NOT_FOUND
    expected += socketmap.TRY_AGAIN + socketmap.NO_SUCH_MAP
    for pieces in ways(b"".join(map(netstring.encode, asked))):
        async with connection(server) as (reader, writer):
            for piece in pieces:
                writer.write(piece)
            async with asyncio.timeout(20):
                assert await reader.readexactly(len(expected)) == expected


@pytest.mark.parametrize(("name", "whole"), [(b"tlspolicy", False), (b"tlspolicy-3.10", True)])
async def test_each_postfix_is_answered_as_it_understands(name: bytes, *, whole: bool) -> None:
    """By the name of the map it asks; one before 3.10 would refuse words that it does not know."""
    async with connection(Server(look_up, lambda: 0)) as (reader, writer):
        writer.write(netstring.encode(name + b" example.com"))
        async with asyncio.timeout(20):
            answer = await reader.readuntil(b",")
    assert b"secure match=mx.example.com servername=hostname" in answer
    assert (b"policy_type=sts" in answer) == whole


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"9999999999:", b"3:abc,"])
async def test_who_speaks_something_else(garbage: bytes) -> None:
    """The connection is closed."""
    async with connection(Server(look_up, lambda: 0)) as (reader, writer):
        writer.write(garbage)
        async with asyncio.timeout(20):
            assert await reader.read() == b""


async def test_pages() -> None:
    """Health, and numbers that exist from the start."""
    server = Server(look_up, lambda: 3)
    assert (await server.pages(Request("GET", ("readyz",), {}))).status == 200
    assert (await server.pages(Request("GET", ("other",), {}))).status == 404
    assert (await server.pages(Request("POST", ("readyz",), {}))).status == 405
    page = (await server.pages(Request("GET", ("metrics",), {}))).body.decode()
    assert 'mailstack_tlspolicy_lookups_total{result="unavailable"} 0.0' in page
    assert "mailstack_tlspolicy_policies 3.0" in page
