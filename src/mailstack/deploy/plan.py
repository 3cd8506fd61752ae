"""What is to be deployed: the declaration as the settings want it, with sizes and names.

Both engines are rendered from this. It refuses what contradicts itself, and warns of what the owner
asked for and does not get.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mailstack import __version__
from mailstack.errors import ConfigError
from mailstack.settings import Settings
from mailstack.topology.model import INTERNET, Job, Link, Port, Service, Topology
from mailstack.topology.selection import only, selected

_AGENT_MIB: Final = 24
"""Of each container's process 1: Python with the settings loaded, beside what it runs."""
_AGENT_PEAK_MIB: Final = 64
"""While it renders and checks a new configuration."""


@dataclass(frozen=True, slots=True)
class Size:
    """How generous a profile is, as factors of what a service needs when it is busy."""

    asked: float
    """Requested: what a node must have free. Idle, the stack needs a third of what it may."""
    allowed: float
    """The limit; from there on the kernel ends it."""
    cpu_m: int
    """Thousandths of a processor. There is no limit: it would stop a scan half way."""


SIZES: Final = {
    "micro": Size(0.3, 1.5, 10),
    "small": Size(0.6, 2.0, 25),
    "standard": Size(1.0, 4.0, 100),
}


_SWITCHED_OFF: Final = "its setting switches it off"


@dataclass(frozen=True)
class Plan:
    """One installation."""

    whole: Topology
    settings: Settings
    writes_secrets: bool = True
    """Whether a service can exchange a secret: a compose file mounts them as they are."""

    @cached_property
    def topology(self) -> Topology:
        """What runs."""
        wanted = selected(self.whole, self.settings)
        return wanted if self.writes_secrets else only(wanted, lambda one: not one.writes)

    @property
    def name(self) -> str:
        """Of the installation: the namespace, the compose project."""
        return self.settings.project

    @property
    def pods(self) -> list[str]:
        """Names of the main services, in the order of the declaration."""
        return [service.name for service in self.topology.services if not service.pod]

    def image(self, service: str) -> str:
        kubernetes = self.settings.kubernetes
        return f"{kubernetes.images}/{service}:{kubernetes.tag or __version__}"

    def replicas(self, pod: str) -> int:
        """How many there are. What can only be one is one, whatever was asked for."""
        if any(service.single for service in self.topology.in_pod(pod)):
            return 1
        return self.settings.kubernetes.replica_counts.get(pod, 1)

    def asked_mib(self, needs_mib: int) -> int:
        return round(needs_mib * self.size.asked) + _AGENT_MIB

    def allowed_mib(self, needs_mib: int) -> int:
        return round(needs_mib * self.size.allowed) + _AGENT_PEAK_MIB

    @property
    def size(self) -> Size:
        return SIZES[self.settings.kubernetes.profile]

    def links_between_pods(self) -> Iterator[tuple[str, str, Link]]:
        """Yield source pod, target pod and link where they differ; the internet is no pod."""
        for link in self.topology.links:
            if link.reserved or INTERNET in (link.source, link.target):
                continue
            source, target = self.topology.pod_of(link.source), self.topology.pod_of(link.target)
            if source != target:
                yield source, target, link

    def job_service(self, job: Job) -> Service:
        """Return the service whose image and account a job has."""
        return self.topology.service(job.image)

    def ports(self, service: Service) -> tuple[Port, ...]:
        """Return those at which a service listens."""
        return service.every_port if self.settings.listen.proxy_networks else service.ports

    def behind(self, port: Port) -> Port:
        """Return where a public port leads: with load balancers in front, to what is theirs."""
        theirs = port.for_balancers if self.settings.listen.proxy_networks else None
        return theirs or port

    def check(self) -> None:
        """Refuse settings that name what is not there.

        Raises:
            ConfigError: one line, with what there is instead.
        """
        for name in self.settings.kubernetes.replica_counts:
            if name not in self.pods:
                raise ConfigError(
                    f"kubernetes.replicas names {name!r}, which has no pod of its own here",
                    advice=f"one of {', '.join(self.pods)}",
                )

    def warnings(self) -> Iterator[str]:
        """Say what was asked for and is not so."""
        for pod, number in self.settings.kubernetes.replica_counts.items():
            for service in self.topology.in_pod(pod):
                if service.single and number > 1:
                    yield (
                        f"{pod} stays at one replica, not {number}: {service.single}"
                        f"{'' if service.name == pod else f' ({service.name} shares the pod)'}"
                    )
                elif service.apart and number > 1:
                    yield f"{service.name} in {number} replicas: {service.apart}"
        wanted = selected(self.whole, self.settings).services
        for service in self.whole.services:
            if service in wanted and service not in self.topology.services:
                yield f"{service.name} is left out: bring what it writes ({service.writes[0]})"
            elif service not in wanted and not service.writes:
                yield f"{service.name} is left out: {service.optional or _SWITCHED_OFF}"
