"""Port offsets for stacks that are thrown away: candidates for each slot, tried until one is free.

Loopback ports of all stacks are on one address. Linux gives the numbers from 32,768 to 60,999 to
any client, and one that a client had stays held for a minute, so candidates are tried first of
which few ports lie there. A port may still be held by whoever: then the next candidate is taken.
"""

import socket
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from typing import Final

from mailstack.demo.addresses import SLOTS, Plan
from mailstack.errors import ServiceFailed
from mailstack.topology.addresses import max_offset, resolver_host
from mailstack.topology.model import LOOPBACK, Topology
from mailstack.topology.stack import STACK

EPHEMERAL: Final = range(32_768, 61_000)
"""The ports that Linux gives to clients (net.ipv4.ip_local_port_range). The candidates lift
couchmail's ports above them all, and leave most others below."""
_TURNS: Final = 25
"""Candidates there are of a slot."""
_CANDIDATES: Final = 7


def candidates(plan: Plan, *, topology: Topology = STACK) -> Iterator[int]:
    """Yield the slot's offsets. The first ones of all slots share no port."""
    turns = [_turn(number, topology) for number in range(_TURNS)]
    turns.sort(key=lambda offsets: sum(_exposed(offset, topology) for offset in offsets))
    yield from (offsets[plan.slot] for offsets in turns[:_CANDIDATES])


def _turn(number: int, topology: Topology) -> list[int]:
    """Return an offset for each slot."""
    step = spacing(topology)
    last = max_offset(topology) - number * SLOTS * step
    return [last - (SLOTS - 1 - slot) * step for slot in range(SLOTS)]


def _exposed(offset: int, topology: Topology) -> int:
    """Count the ports that a client may hold."""
    ports = (port for service in topology.services for port in service.ports if not port.public)
    return sum(port.number + offset in EPHEMERAL for port in ports)


def free_offset(plan: Plan) -> int:
    """Return an offset at which nobody listens on any port of a stack.

    Raises:
        ServiceFailed: every candidate has a port that is in use; names those of the last.
    """
    busy: list[str] = []
    for offset in candidates(plan):
        busy = taken(plan, offset)
        if not busy:
            return offset
    raise ServiceFailed(
        f"something listens on {', '.join(busy)} already", advice="stop it, then try again"
    )


def spacing(topology: Topology) -> int:
    """Return the smallest distance at which no two slots share a port."""
    numbers = [port.number for service in topology.services for port in service.ports]
    gaps = {a - b for a, b in product(numbers, repeat=2) if a > b}
    return next(
        step
        for step in range(1, max(gaps) + 2)
        if not any(slot * step in gaps for slot in range(1, SLOTS))
    )


def taken(plan: Plan, offset: int, *, topology: Topology = STACK) -> list[str]:
    """Return which addresses of a stack somebody else has, as ADDRESS:PORT; empty is good."""
    wanted = [
        (plan.stack if port.public else LOOPBACK, port.number + offset)
        for service in topology.services
        for port in service.ports
    ]
    wanted.append((resolver_host(offset), topology.internet_ports["dns"]))
    return [f"{host}:{port}" for host, port in wanted if not _free(host, port)]


def _free(host: str, port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
