"""Whether every port that the stack wants is free; if not, who has it and what to do.

A daemon would fail too, but later, in its own words, and only after others have started.

The ports then stay bound here, without listening, as long as the supervisor lives. couchmail's lie
in the range from which the kernel picks the local port of outgoing connections
(ip_local_port_range, ip(7)); while a daemon is down, one of the thousands of connections of a busy
machine could take its port, and the daemon could not come back for as long as that lasts. The
kernel passes over a port that is bound, and a daemon may bind it beside us: both sockets have
SO_REUSEADDR and ours does not listen (socket(7)).
"""

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from mailstack.aio import proc
from mailstack.errors import ServiceFailed
from mailstack.topology.model import LOOPBACK, Port, Service, Topology, Transport

_EVERYWHERE: Final = {"all": ("0.0.0.0", "::")}  # noqa: S104 - what "all" means
_KINDS: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_IN_USE: Final = {"tcp": "0A", "udp": "07"}
"""State of a listening socket (TCP_LISTEN), and of an unconnected UDP one (TCP_CLOSE)."""
PATIENCE_S: Final = 65.0
"""For outgoing connections that have a port of ours: a closed one keeps it for a minute (Linux's
TCP_TIMEWAIT_LEN), and after a busy hour there are thousands."""
_RETRY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """One socket that a service will listen on."""

    service: str
    port: str
    host: str
    number: int
    transport: Transport


def wanted(
    topology: Topology,
    services: Iterable[str],
    *,
    public_host: str,
    offset: int,
    balanced: bool = False,
) -> Iterator[Wanted]:
    """Yield every socket of ``services`` on one machine; ``balanced``: load balancers' as well."""
    for name in services:
        service = topology.service(name)
        for port in service.every_port if balanced else service.ports:
            yield from _sockets(service, port, public_host, offset)


def _sockets(service: Service, port: Port, public_host: str, offset: int) -> Iterator[Wanted]:
    named = public_host if port.public else LOOPBACK
    for host in _EVERYWHERE.get(named, (named,)):
        for transport in port.transports:
            yield Wanted(service.name, port.name, host, port.number + offset, transport)


async def hold(
    sockets: Iterable[Wanted], say: Callable[[str], None], patience_s: float = PATIENCE_S
) -> ExitStack:
    """Bind each one; return what keeps them bound until it is closed. ``say`` hears of a wait.

    Raises:
        ServiceFailed: one is taken or cannot be had; says by whom and what to do.
    """
    deadline = time.monotonic() + patience_s
    with ExitStack() as held:
        for one in sockets:
            bound = await _bind_patiently(one, say, deadline)
            if bound is not None and one.transport == "tcp":
                held.enter_context(bound)
        return held.pop_all()


async def _bind_patiently(
    one: Wanted, say: Callable[[str], None], deadline: float
) -> socket.socket | None:
    """Try again while only an outgoing connection has the port: most of these end soon."""
    for attempt in count():
        try:
            return _bind(one)
        except OSError as error:
            if one.host == "::" and error.errno == errno.EADDRNOTAVAIL:
                return None  # the machine has no IPv6 address at all
            transient = error.errno == errno.EADDRINUSE and holder_of(one) is None
            if not transient or time.monotonic() >= deadline:
                raise _refusal(one, error) from error
        if attempt == 0:
            say(f"waiting for port {one.number}: an outgoing connection has just used it")
        await asyncio.sleep(_RETRY_S)
    raise AssertionError("count() does not end")


def _bind(one: Wanted) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in one.host else socket.AF_INET
    try:
        made = socket.socket(family, _KINDS[one.transport])
    except OSError:
        return None  # a kernel without IPv6
    try:
        if one.transport == "tcp":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((one.host, one.number))
    except BaseException:
        made.close()
        raise
    if one.transport == "udp":
        made.close()  # two UDP sockets on one port would share its datagrams
    return made


def _refusal(one: Wanted, error: OSError) -> ServiceFailed:
    place = f"port {one.number} ({one.service}.{one.port})"
    if isinstance(error, PermissionError):
        return ServiceFailed(f"{place} may not be opened: {error.strerror}", advice="run as root")
    holder = holder_of(one)
    if holder is None and error.errno == errno.EADDRINUSE:
        return ServiceFailed(
            f"{place} is in use by an outgoing connection of another program",
            advice="end that, or keep the kernel from lending it: "
            f"sysctl net.ipv4.ip_local_reserved_ports={one.number}",
        )
    if holder is None:
        return ServiceFailed(
            f"{place} cannot be opened on {one.host}: {error.strerror}",
            advice="is listen.address an address of this machine?",
        )
    return ServiceFailed(
        f"{place} is taken by {holder}",
        advice="stop that, or shift all ports with --set listen.port_offset=NUMBER",
    )


def holder_of(one: Wanted) -> str | None:
    """Name the program that listens there; None when nobody does."""
    inodes = set(_inodes(one.number, one.transport))
    if not inodes:
        return None
    links = {f"socket:[{inode}]" for inode in inodes}
    for pid in proc.everything():
        if links & _open_files(pid):
            return f"{proc.name(pid)} (process {pid})"
    return "a process outside of this container"


def _inodes(number: int, transport: Transport) -> Iterator[str]:
    for table in (transport, f"{transport}6"):
        with suppress(OSError):
            lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()
            for fields in map(str.split, lines[1:]):
                at_port = int(fields[1].rpartition(":")[2], 16) == number
                if at_port and fields[3] == _IN_USE[transport]:
                    yield fields[9]


def _open_files(pid: int) -> set[str]:
    folder, found = f"/proc/{pid}/fd", set()
    with suppress(OSError):
        for descriptor in os.listdir(folder):  # noqa: PTH208 - names only
            with suppress(OSError):
                found.add(os.readlink(f"{folder}/{descriptor}"))  # noqa: PTH115 - not a path
    return found
