"""What is wrong with a declaration, in sentences. An empty list means: it can be run.

Each check is a function of its own, so that a new rule is a new function in ``_CHECKS``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from mailstack.topology.addresses import MAX_PORT
from mailstack.topology.model import INTERNET, Link, Topology


def problems(topology: Topology) -> list[str]:
    """Return a sentence for each mistake; in the order of the checks, then of the declaration."""
    unknown = [sentence for check in _NAMES for sentence in check(topology)]
    if unknown:
        return unknown  # the other checks follow names, and would stumble over these
    return [sentence for check in _CHECKS for sentence in check(topology)]


def _repeated_services(topology: Topology) -> Iterator[str]:
    names = _names(topology)
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        yield f"{name} is declared {names.count(name)} times"
    if INTERNET in names:
        yield f"{INTERNET} is the name of everything outside, so no service can have it"


def _unknown_names(topology: Topology) -> Iterator[str]:
    known = {service.name for service in topology.services}
    jobs = {job.name for job in topology.jobs}
    for link in topology.links:
        for name in (link.source, link.target):
            if name not in known | {INTERNET} | (jobs if name == link.source else set()):
                yield f"the link {_arrow(link)} names {name}, which is no service"
    for service in topology.services:
        if service.pod and service.pod not in known:
            yield f"{service.name} shares the pod of {service.pod}, which is no service"
        for name in service.after:
            if name not in known:
                yield f"{service.name} starts after {name}, which is no service"


def _unknown_parts(topology: Topology) -> Iterator[str]:
    known = {service.name for service in topology.services}
    for job in topology.jobs:
        if job.image not in known:
            yield f"{job.name} has the image of {job.image}, which is no service"
    secrets = {secret.name for secret in topology.secrets}
    for service in topology.services:
        if service.also and service.also not in {s.name for s in topology.in_pod(service.pod)}:
            yield f"{service.name} works on the data of {service.also}, which shares no pod with it"
        for name in (*service.secrets, *service.writes):
            if name not in secrets:
                yield f"{service.name} uses {name}, which is no secret"


def _unknown_ports(topology: Topology) -> Iterator[str]:
    ports = {(s.name, p.name) for s in topology.services for p in s.ports}
    ports |= {(INTERNET, name) for name in topology.internet_ports}
    known = {service.name for service in topology.services} | {INTERNET}
    for link in topology.links:
        if link.target in known and (link.target, link.port) not in ports:
            yield f"the link {_arrow(link)} goes to a port that {link.target} does not have"


def _repeated_ports(topology: Topology) -> Iterator[str]:
    """All services share the ports of one machine, so a number may stand once in the whole."""
    holders = defaultdict(list)
    for service in topology.services:
        names = [port.name for port in service.every_port]
        for name in dict.fromkeys(n for n in names if names.count(n) > 1):
            yield f"{service.name} has {names.count(name)} ports called {name}"
        for port in service.every_port:
            for transport in port.transports:
                holders[transport, port.number].append(f"{service.name}.{port.name}")
    for (transport, number), names in holders.items():
        if len(names) > 1:
            yield f"{transport} port {number} is taken by {' and by '.join(names)}"


def _impossible_numbers(topology: Topology) -> Iterator[str]:
    for service in topology.services:
        for port in service.every_port:
            if not 1 <= port.number <= MAX_PORT:
                yield f"{service.name}.{port.name} has number {port.number}, not 1 to {MAX_PORT}"
    for name, number in topology.internet_ports.items():
        if not 1 <= number <= MAX_PORT:
            yield f"{INTERNET}.{name} has number {number}, not 1 to {MAX_PORT}"


def _numbers_in_containers(topology: Topology) -> Iterator[str]:
    """Containers of one pod share its ports, and each has its agent's as well."""
    for pod in dict.fromkeys(service.pod or service.name for service in topology.services):
        holders = defaultdict(list)
        for service in topology.in_pod(pod):
            holders[topology.agent_port(service.name)].append(f"the agent of {service.name}")
            for port in service.every_port:
                holders[port.inside].append(f"{service.name}.{port.name}")
        for number, names in holders.items():
            if number and len(names) > 1:
                yield f"in the pod of {pod}, port {number} is taken by {' and by '.join(names)}"


def _repeated_accounts(topology: Topology) -> Iterator[str]:
    """What one account writes another must not read, and images share volumes by number."""
    holders = defaultdict(set)
    for service in topology.services:
        if service.uid:
            holders[service.uid].add(service.account or service.name)
    for uid, names in holders.items():
        if len(names) > 1:
            yield f"account {uid} is that of {' and of '.join(sorted(map(str, names)))}"


def _unreachable_ports(topology: Topology) -> Iterator[str]:
    open_to = {(link.target, link.port) for link in topology.links if not link.reserved}
    for service in topology.services:
        for port in service.ports:
            linked = (service.name, port.name) in open_to
            if port.own and linked:
                yield f"{service.name}.{port.name} is on loopback, so nobody can be linked to it"
            elif not (port.own or port.operations or linked):
                yield f"{service.name}.{port.name} listens, but no one may connect"


def _unused_services(topology: Topology) -> Iterator[str]:
    used = {link.target for link in topology.links} | {link.source for link in topology.links}
    for name in _names(topology):
        if name not in used:
            yield f"{name} is linked with nothing"


def _public_ports(topology: Topology) -> Iterator[str]:
    """That a port faces the internet is said twice, as a link and by ``public``: both or none."""
    from_outside = {(link.target, link.port) for link in topology.links if link.source == INTERNET}
    for service in topology.services:
        for port in service.ports:
            linked = (service.name, port.name) in from_outside
            if port.public and not linked:
                yield f"{service.name}.{port.name} is public, but the internet has no link to it"
            if linked and not port.public:
                yield f"{service.name}.{port.name} is linked from the internet, but not public"


def _unlinked_needs(topology: Topology) -> Iterator[str]:
    """A service cannot tell that another is healthy if it may not talk to it."""
    for service in topology.services:
        targets = {link.target for link in topology.links_from(service.name)}
        for name in service.after:
            if name not in targets:
                yield f"{service.name} starts after {name}, but has no link to it"


def _circles(topology: Topology) -> Iterator[str]:
    """Services that wait for each other never start."""
    after = {service.name: service.after for service in topology.services}
    told: set[str] = set()
    for name in after:
        way = _way_back(name, after)
        if way and told.isdisjoint(way):
            told |= set(way)
            yield f"{' after '.join([*way, name])}: none of them can start first"


def _way_back(start: str, after: dict[str, tuple[str, ...]]) -> list[str]:
    """Return a way from ``start`` along ``after`` that comes back to it, without its last step."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        for name in after[way[-1]]:
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _links_to_oneself(topology: Topology) -> Iterator[str]:
    for link in topology.links:
        if link.source == link.target:
            yield f"the link {_arrow(link)} goes from a service to itself"


def _repeated_links(topology: Topology) -> Iterator[str]:
    links = [(link.source, link.target, link.port) for link in topology.links]
    for source, target, port in dict.fromkeys(key for key in links if links.count(key) > 1):
        yield f"the link {source} → {target}.{port} is declared more than once"


def _unreasoned(topology: Topology) -> Iterator[str]:
    for link in topology.links:
        if not link.purpose.strip():
            yield f"the link {_arrow(link)} does not say what it is for"
        if link.reserved and not link.reserved.strip():
            yield f"the link {_arrow(link)} is reserved without a reason"


def _strange_pods(topology: Topology) -> Iterator[str]:
    pods = {service.name: service.pod for service in topology.services}
    for service in topology.services:
        if service.pod and pods[service.pod]:
            yield f"{service.name} shares the pod of {service.pod}, which has none of its own"


def _names(topology: Topology) -> list[str]:
    return [*(s.name for s in topology.services), *(job.name for job in topology.jobs)]


def _arrow(link: Link) -> str:
    return f"{link.source} → {link.target}.{link.port}"


_CHECKS: Final[tuple[Callable[[Topology], Iterator[str]], ...]] = (
    _repeated_ports,
    _impossible_numbers,
    _numbers_in_containers,
    _repeated_accounts,
    _unreachable_ports,
    _unused_services,
    _public_ports,
    _unlinked_needs,
    _circles,
    _links_to_oneself,
    _repeated_links,
    _unreasoned,
    _strange_pods,
)

_NAMES: Final[tuple[Callable[[Topology], Iterator[str]], ...]] = (
    _repeated_services,
    _unknown_names,
    _unknown_parts,
    _unknown_ports,
)
