"""Sockets that listen: for one process, or for several that share the port.

Sharing is SO_REUSEPORT (socket(7)): the kernel spreads new connections over the processes.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailstack.topology.model import Endpoint

BACKLOG = 1024
STREAM_LIMIT = 65_536

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]


def listen(endpoint: "Endpoint", processes: int = 1) -> list[socket.socket]:
    """Listen on a port; one socket for each of the processes. A host of ``all`` is every address.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    first = _listen(endpoint.host, endpoint.port, shared=False)
    if processes == 1:
        return [first]
    # Shared from the start, it would share with another program of the same account unnoticed.
    port = first.getsockname()[1]
    first.close()
    return [_listen(endpoint.host, port, shared=True) for _ in range(processes)]


def _listen(host: str, port: int, *, shared: bool) -> socket.socket:
    both = host == "all" and socket.has_dualstack_ipv6()
    return socket.create_server(
        ("" if host == "all" else host, port),
        family=socket.AF_INET6 if both or ":" in host else socket.AF_INET,
        backlog=BACKLOG,
        reuse_port=shared,
        dualstack_ipv6=both,
    )


async def start_server(
    at: "Endpoint", serve: Serve, *, start_serving: bool = True, limit: int = STREAM_LIMIT
) -> asyncio.Server:
    """Take a port for streams. Without ``start_serving`` nobody is accepted before that is called.

    A stream holds up to twice ``limit`` octets before it stops reading from the kernel.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    host = None if at.host == "all" else at.host
    return await asyncio.start_server(
        serve, host, at.port, start_serving=start_serving, limit=limit, backlog=BACKLOG
    )
