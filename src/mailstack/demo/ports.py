"""Port offsets for stacks that are thrown away: one for each slot, none of whose ports meet."""

import socket
from contextlib import closing
from itertools import product
from typing import Final

from mailstack.demo.addresses import SLOTS, Plan
from mailstack.errors import ServiceFailed
from mailstack.topology.addresses import max_offset, resolver_host
from mailstack.topology.model import LOOPBACK, Topology
from mailstack.topology.stack import STACK

EPHEMERAL_END: Final = 60_999
"""Last of the ports that Linux gives to clients (net.ipv4.ip_local_port_range). One of those might
hold ours just when it is to be bound, so the offsets lift couchmail's ports above them all."""


def offset(plan: Plan, *, topology: Topology = STACK) -> int:
    """Return the slot's offset, counted down from the largest there can be."""
    return max_offset(topology) - (SLOTS - 1 - plan.slot) * spacing(topology)


def spacing(topology: Topology) -> int:
    """Return the smallest distance at which no two slots share a port."""
    numbers = [port.number for service in topology.services for port in service.ports]
    gaps = {a - b for a, b in product(numbers, repeat=2) if a > b}
    return next(
        step
        for step in range(1, max(gaps) + 2)
        if not any(slot * step in gaps for slot in range(1, SLOTS))
    )


def taken(plan: Plan, *, topology: Topology = STACK) -> list[str]:
    """Return what of the slot's stack somebody else listens on, as ADDRESS:PORT; empty is good."""
    shift = offset(plan, topology=topology)
    wanted = [
        (plan.stack if port.public else LOOPBACK, port.number + shift)
        for service in topology.services
        for port in service.ports
    ]
    wanted.append((resolver_host(shift), topology.internet_ports["dns"]))
    return [f"{host}:{port}" for host, port in wanted if not _free(host, port)]


def refuse_taken(plan: Plan) -> None:
    """Say so when a port is in use.

    Raises:
        ServiceFailed: names the ports.
    """
    if busy := taken(plan):
        raise ServiceFailed(
            f"something listens on {', '.join(busy)} already", advice="stop it, then try again"
        )


def _free(host: str, port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
