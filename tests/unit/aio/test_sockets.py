"""Sockets that listen, alone and shared."""

import errno
import socket

import pytest

from mailstack.aio.sockets import listen
from mailstack.topology.model import Endpoint

ANY_PORT = Endpoint("127.0.0.1", 0)


def close(sockets: list[socket.socket]) -> int:
    """Close them; return the port they had."""
    port: int = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    return port


def test_processes_share_one_port() -> None:
    """As many sockets as asked for, all on the same port."""
    sockets = listen(ANY_PORT, 3)
    assert len({sock.getsockname() for sock in sockets}) == 1
    assert len(sockets) == 3
    close(sockets)


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("second", [1, 2])
def test_a_taken_port_is_an_error(first: int, second: int) -> None:
    """Also where the other program would share it: two stacks would mix their answers."""
    sockets = listen(ANY_PORT, first)
    with pytest.raises(OSError, match="in use") as caught:
        listen(Endpoint("127.0.0.1", sockets[0].getsockname()[1]), second)
    assert caught.value.errno == errno.EADDRINUSE
    close(sockets)


def test_every_address() -> None:
    """A host of "all" is reached by IPv4, and by IPv6 where there is that."""
    sockets = listen(Endpoint("all", 0))
    port = sockets[0].getsockname()[1]
    for host in ("127.0.0.1", "::1") if socket.has_dualstack_ipv6() else ("127.0.0.1",):
        socket.create_connection((host, port), timeout=5).close()
    close(sockets)
