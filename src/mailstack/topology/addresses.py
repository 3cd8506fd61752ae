"""Turns links into addresses: the only way for a service to learn where another one listens."""

from collections.abc import Callable, Mapping

from mailstack.topology.model import INTERNET, LOOPBACK, Endpoint, Port, Service, Topology

MAX_PORT = 65_535


def max_offset(topology: Topology) -> int:
    """The largest ``listen.port_offset`` that keeps every port within 65,535."""
    return MAX_PORT - max(port.number for s in topology.services for port in s.ports)


def one_machine(
    topology: Topology, service: str, *, public_host: str, offset: int
) -> Mapping[str, Endpoint]:
    """Addresses for ``service`` when all run on this machine: its own ports, and its links.

    Keys are ``"service.port"``. Own public ports carry ``public_host``; all else is loopback.
    Every number is shifted by ``offset``.
    """
    return _addresses(
        topology,
        service,
        own=lambda port: Endpoint(public_host if port.public else LOOPBACK, port.number + offset),
        other=lambda _, port: Endpoint(LOOPBACK, port.number + offset),
    )


def cluster(topology: Topology, service: str) -> Mapping[str, Endpoint]:
    """Addresses for ``service`` when each has a pod: names of services, unshifted numbers.

    Services that share a pod reach each other on loopback.
    """
    own_pod = topology.service(service).pod or service

    def other(target: Service, port: Port) -> Endpoint:
        same_pod = (target.pod or target.name) == own_pod
        host = LOOPBACK if same_pod else target.pod or target.name
        return Endpoint(host, port.number)

    return _addresses(topology, service, own=lambda port: Endpoint("all", port.number), other=other)


def _addresses(
    topology: Topology,
    service: str,
    *,
    own: Callable[[Port], Endpoint],
    other: Callable[[Service, Port], Endpoint],
) -> Mapping[str, Endpoint]:
    found = {f"{service}.{p.name}": own(p) for p in topology.service(service).ports}
    for link in topology.links_from(service):
        if link.target != INTERNET:
            target = topology.service(link.target)
            found[f"{link.target}.{link.port}"] = other(target, target.port(link.port))
    return found


def resolver_host(offset: int) -> str:
    """The loopback address on which the resolver of a shifted stack also serves port 53.

    A resolv.conf cannot name a port (resolv.conf(5)), so each stack of one machine takes an
    address of its own inside 127.0.0.0/8, and Postfix's chroot names that one.
    """
    return f"127.{53 + offset // 65_025}.{offset // 255 % 255}.{offset % 255 + 1}"
