"""Ports are checked before anything starts, and kept while it runs."""

import errno
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from mailstack.aio import proc
from mailstack.errors import ServiceFailed
from mailstack.supervisor.ports import Wanted, hold, holder_of, wanted
from mailstack.topology.model import LOOPBACK, Transport
from mailstack.topology.stack import STACK


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as made:
        yield made


def at(number: int, host: str = LOOPBACK, transport: Transport = "tcp") -> Wanted:
    return Wanted("postfix", "smtp", host, number, transport)


def heard(_: str) -> None:
    """Nobody listens in most tests."""


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as made:
        number: int = made.getsockname()[1]
        return number


async def test_taken_port_names_holder_and_way_out(listener: socket.socket) -> None:
    """The error says which port of which service, who has it, and what to do."""
    number = listener.getsockname()[1]
    with pytest.raises(ServiceFailed) as refused:
        await hold([at(number)], heard)
    holder = f"{proc.name(os.getpid())} (process {os.getpid()})"
    assert str(refused.value) == (
        f"port {number} (postfix.smtp) is taken by {holder}; stop that, or shift all ports with "
        "--set listen.port_offset=NUMBER"
    )


async def test_taken_udp_port() -> None:
    """UDP has holders, too."""
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind((LOOPBACK, 0))
        number = taken.getsockname()[1]
        with pytest.raises(ServiceFailed, match=f"process {os.getpid()}"):
            await hold([at(number, transport="udp")], heard)
    with await hold([at(number, transport="udp")], heard):
        assert holder_of(at(number, transport="udp")) is None


async def test_port_of_an_outgoing_connection(listener: socket.socket) -> None:
    """A port that the kernel gave to an outgoing connection cannot be had; the error says so."""
    with socket.create_connection(listener.getsockname()) as outgoing:
        number = outgoing.getsockname()[1]
        with pytest.raises(ServiceFailed, match="in use by an outgoing connection"):
            await hold([at(number)], heard, patience_s=0)


async def test_address_of_another_machine() -> None:
    """An address that this machine does not have is a wrong setting."""
    with pytest.raises(ServiceFailed, match=r"is listen\.address an address of this machine\?"):
        await hold([at(free_port(), host="192.0.2.1")], heard)


async def test_a_held_port_serves_its_daemon_only() -> None:
    """A daemon can listen on a port that is held; the kernel gives it to no outgoing connection."""
    number = free_port()
    with await hold([at(number)], heard):
        with socket.create_server((LOOPBACK, number)) as daemon:
            socket.create_connection(daemon.getsockname()).close()
        with socket.socket() as other, pytest.raises(OSError, match="in use") as refused:
            other.bind((LOOPBACK, number))  # without SO_REUSEADDR, as a connection has it
        assert refused.value.errno == errno.EADDRINUSE
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, number))
    with socket.create_server((LOOPBACK, number)):
        pass


async def test_everything_is_released_when_one_is_taken(listener: socket.socket) -> None:
    """A refusal keeps no port."""
    number = free_port()
    with pytest.raises(ServiceFailed, match="is taken by"):
        await hold([at(number), at(listener.getsockname()[1])], heard)
    with socket.socket() as other:
        other.bind((LOOPBACK, number))


async def test_a_short_connection_is_waited_for(listener: socket.socket) -> None:
    """A port that an outgoing connection has is had as soon as that ends, and the wait is told."""
    outgoing = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def say(text: str) -> None:
        told.append(text)
        accepted.close()  # with a reset, so that nothing of the connection lingers
        outgoing.close()

    told: list[str] = []
    number = outgoing.getsockname()[1]
    with await hold([at(number)], say, patience_s=10):
        assert told == [f"waiting for port {number}: an outgoing connection has just used it"]


def test_every_socket_of_the_stack() -> None:
    """Public ports are wanted on the owner's address, all others on loopback, all shifted."""
    found = list(wanted(STACK, ["resolver", "postfix"], public_host="all", offset=1000))
    smtp = [(one.host, one.number) for one in found if one.port == "smtp"]
    assert smtp == [("0.0.0.0", 1025), ("::", 1025)]  # noqa: S104 - every address of the machine
    dns = [(one.host, one.number, one.transport) for one in found if one.port == "dns"]
    assert dns == [(LOOPBACK, 1053, "udp"), (LOOPBACK, 1053, "tcp")]


@pytest.mark.parametrize("balanced", [False, True])
def test_ports_of_load_balancers(balanced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """They are wanted only where there are load balancers."""
    found = wanted(STACK, ["dovecot"], public_host=LOOPBACK, offset=0, balanced=balanced)
    imap = STACK.service("dovecot").port("imap")
    assert (imap.balanced in {one.number for one in found}) is balanced
