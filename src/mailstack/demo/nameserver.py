"""Serves a zone by UDP and TCP, on one address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.exception
import dns.message

from mailstack.demo.zone import Zone
from mailstack.topology.model import Endpoint

_UDP_OCTETS = 1232
"""Largest answer by UDP: what fits every path (DNS flag day 2020); longer ones come by TCP."""
_IDLE_S = 10.0


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # create_datagram_endpoint gives no other kind; its class does not say so in Python 3.11.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = _reply(self._zone, data, max_octets=_UDP_OCTETS)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def serving(zone: Zone, at: Endpoint) -> AsyncIterator[Endpoint]:
    """Answer until the end of the block. Port 0 takes a free one; yields the real address."""

    async def tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _talk(zone, reader, writer)

    server = await asyncio.start_server(tcp, at.host, at.port)
    here = Endpoint(at.host, server.sockets[0].getsockname()[1])
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Udp(zone), local_addr=(here.host, here.port)
    )
    try:
        async with server:
            yield here
    finally:
        transport.close()


async def _talk(zone: Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the questions of one TCP connection (RFC 7766): each with its length before it."""
    try:
        while True:
            async with asyncio.timeout(_IDLE_S):
                length = int.from_bytes(await reader.readexactly(2))
                reply = _reply(zone, await reader.readexactly(length), max_octets=65_535)
            if reply is None:
                return
            writer.write(len(reply).to_bytes(2) + reply)
            async with asyncio.timeout(_IDLE_S):
                await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


def _reply(zone: Zone, data: bytes, *, max_octets: int) -> bytes | None:
    """Answer a message; None for what is not a question at all."""
    try:
        reply = zone.answer(dns.message.from_wire(data))
    except dns.exception.DNSException:
        return None
    return reply.to_wire(max_size=max_octets, prefer_truncation=True)
