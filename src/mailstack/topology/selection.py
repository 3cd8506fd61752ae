"""Which part of the declaration the settings ask for.

A service that settings switch off has no container, and nobody waits for it. On one machine all
services run whatever the settings say: there they cost little, and can be switched on at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mailstack.topology.model import INTERNET, Link, Service, Topology

if TYPE_CHECKING:
    from mailstack.settings import Settings

_SWITCHES: Final[Mapping[str, "Callable[[Settings], bool]"]] = {
    "postgrey": lambda settings: settings.greylist.enabled,
    "spamd": lambda settings: settings.filter.enabled,
    "tlspolicy": lambda settings: settings.tls_policy.mta_sts,
}
"""Service → whether it is wanted. Whoever shares its pod goes with it."""


def selected(topology: Topology, settings: "Settings") -> Topology:
    """Return the services that are wanted, and the links between those."""
    services = tuple(s for s in topology.services if _is_wanted(s, settings))
    names = {s.name for s in services} | {job.name for job in topology.jobs} | {INTERNET}
    return replace(
        topology,
        services=services,
        links=tuple(link for link in topology.links if _is_between(link, names)),
    )


def _is_wanted(service: Service, settings: "Settings") -> bool:
    if service.optional and settings.kubernetes.profile == "micro":
        return False
    switches = (_SWITCHES.get(name) for name in (service.name, service.pod))
    return all(is_on(settings) for is_on in switches if is_on is not None)


def _is_between(link: Link, names: set[str]) -> bool:
    return link.source in names and link.target in names
