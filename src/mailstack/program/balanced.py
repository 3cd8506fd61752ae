"""Connections that come through load balancers, which say in front who the client is.

Only those are believed whose own address is in a network that was named; whoever else connects, or
says no header in time, is hung up on. The header is ``protocols/proxy.py``'s.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from mailstack.aio.sockets import Serve
from mailstack.errors import ProtocolError
from mailstack.protocols import proxy

_log = logging.getLogger(__name__)

HEADER_S: Final = 10.0
"""For the header: a balancer sends it with its first packet. Dovecot is told to wait as long."""

ServeClient = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]
"""Serves a connection of the client at the address."""


def direct(serve: ServeClient) -> Serve:
    """Serve who connects: that is the client."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer, peer(writer))

    return connected


def introduced(serve: ServeClient, networks: Sequence[str]) -> Serve:
    """Serve those whom a load balancer from one of ``networks`` introduces."""
    trusted = [ip_network(network) for network in networks]

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        balancer = peer(writer)
        try:
            _check(balancer, trusted)
            client = await _client(reader) or balancer
        except asyncio.IncompleteReadError:  # as when a balancer looks whether the port is open
            writer.close()
        except (OSError, ProtocolError) as error:
            _log.warning("hung up on %s: %s", balancer, str(error) or "no header in time")
            writer.close()
        else:
            await serve(reader, writer, client)

    return connected


def peer(writer: asyncio.StreamWriter) -> str:
    """Return the address at the other end; empty when it is gone already."""
    found = writer.get_extra_info("peername")
    return str(found[0]).partition("%")[0] if found else ""


def _check(balancer: str, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
    if not balancer or not any(ip_address(balancer) in network for network in trusted):
        raise ProtocolError("it is no load balancer of listen.proxy_networks")


async def _client(reader: asyncio.StreamReader) -> str:
    """Read the header and no octet more."""
    header = b""
    async with asyncio.timeout(HEADER_S):
        while wanted := proxy.missing(header):
            header += await reader.readexactly(wanted)
    return proxy.client(header)
