"""Turns links into addresses: the only way for a service to learn where another one listens."""

from collections.abc import Callable, Mapping

from mailstack.topology.model import INTERNET, LOOPBACK, Endpoint, Port, Service, Topology

MAX_PORT = 65_535


def max_offset(topology: Topology) -> int:
    """The largest ``listen.port_offset`` that keeps every port within 65,535."""
    return MAX_PORT - max(port.number for s in topology.services for port in s.every_port)


def one_machine(
    topology: Topology, service: str, *, public_host: str, offset: int
) -> Mapping[str, Endpoint]:
    """Addresses for ``service`` when all run on this machine: its own ports, and its links.

    Keys are ``"service.port"``. Public ports listen on ``public_host`` and are reached there, for
    they may listen nowhere else; all other ports are on loopback, where ``all`` is reached too.
    Every number is shifted by ``offset``.
    """
    reached = LOOPBACK if public_host == "all" else public_host
    return _addresses(
        topology,
        service,
        own=lambda port: Endpoint(public_host if port.public else LOOPBACK, port.number + offset),
        other=lambda _, port: Endpoint(reached if port.public else LOOPBACK, port.number + offset),
    )


def cluster(topology: Topology, service: str) -> Mapping[str, Endpoint]:
    """Addresses for ``service`` when each has a container: names of pods, numbers of containers.

    Services that share a pod reach each other on loopback.
    """
    own_pod = topology.pod_of(service)

    def other(target: Service, port: Port) -> Endpoint:
        pod = topology.pod_of(target.name)
        return Endpoint(LOOPBACK if pod == own_pod else pod, port.inside)

    return _addresses(topology, service, own=lambda port: Endpoint("all", port.inside), other=other)


def _addresses(
    topology: Topology,
    service: str,
    *,
    own: Callable[[Port], Endpoint],
    other: Callable[[Service, Port], Endpoint],
) -> Mapping[str, Endpoint]:
    jobs = {job.name for job in topology.jobs}
    ports = () if service in jobs else topology.service(service).every_port
    found = {f"{service}.{p.name}": own(p) for p in ports}
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
