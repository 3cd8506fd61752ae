"""The words of the declaration: services, ports, links, volumes.

Pure data and questions about it. ``stack.py`` holds the one declaration; ``problems.py`` checks it.
Numbers of ports stand in the declaration and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

INTERNET: Final = "internet"
"""The name of everything outside the stack, as source or target of a link."""

LOOPBACK: Final = "127.0.0.1"

Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect to, or to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Port:
    """A listening port of a service.

    ``public`` ports face the internet and listen on ``listen.address``; every other one is for
    linked services only, on loopback when all run on one machine.
    """

    name: str
    number: int
    purpose: str
    public: bool = False
    operations: bool = False
    """Asked by the owner's tools, probes and monitoring as well, so no service need be linked."""
    own: bool = False
    """On loopback wherever it runs, for the service itself: no other can be linked to it."""
    transports: tuple[Transport, ...] = ("tcp",)
    proxied: bool = False
    """Whether load balancers may tell the client's address there, by the PROXY protocol."""
    balanced: int = 0
    """The number at which they do instead, where others of the stack come to the port itself and
    have nothing to tell. Nobody listens there unless ``listen.proxy_networks`` names some."""
    container: int = 0
    """The number inside a container, where that differs: an account that is not root leaves the
    low numbers to whoever maps them from outside."""

    @property
    def inside(self) -> int:
        """The number that the service listens on in a container."""
        return self.container or self.number

    @property
    def for_balancers(self) -> "Port | None":
        """The port at which load balancers tell the client's address; None: there is none."""
        if not self.balanced:
            return self if self.proxied else None
        return replace(
            self,
            name=f"{self.name}-lb",
            number=self.balanced,
            purpose=f"{self.purpose}, from load balancers",
            proxied=True,
            balanced=0,
            container=0,
        )


@dataclass(frozen=True, slots=True)
class Volume:
    """What a service keeps on disk. ``name`` is the folder under the service's data folder."""

    name: str
    purpose: str
    megabytes: int
    """Size to claim on a cluster, in MiB."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What must not be in a configuration, and is given to those services alone that name it.

    ``files`` are pairs: the key in a Kubernetes Secret, and the path below the folder of secrets.
    """

    name: str
    purpose: str
    files: tuple[tuple[str, str], ...]
    optional: str = ""
    """What an owner does who needs it, as only they can give it. Empty: the stack makes it."""


@dataclass(frozen=True, slots=True)
class Service:
    """One box of the topology: a daemon, or a program of ours."""

    name: str
    purpose: str
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    memory_mib: int = 32
    """What it needs when busy; a limit on a cluster, a line of the memory table here."""
    account: str | int = 0
    """Who it runs as: a name that its Debian package creates, or a number of ours. 0: its master
    needs root and drops privileges itself."""
    pod: str = ""
    """The service whose pod it shares; empty: a pod of its own."""
    after: tuple[str, ...] = ()
    """Services that must be healthy before this one starts (a subset of what it links to)."""
    uid: int = 0
    """Number of its account (and group) in a container, where images create accounts themselves.
    0: it starts as root there, too."""
    account_inside: str = ""
    """Name of that account, where the daemon asks for one and no package makes it."""
    secrets: tuple[str, ...] = ()
    """Names of the secrets it reads."""
    writes: tuple[str, ...] = ()
    """Names of the secrets it makes anew: on a cluster through the API server."""
    also: str = ""
    """The service of its pod on whose data it works as well, and whose processes it signals."""
    single: str = ""
    """Why there can be only one of it; empty: there may be several."""
    apart: str = ""
    """What several of it do not share, where an owner should know; empty: nothing."""
    optional: str = ""
    """What is missing without it, where the smallest machine goes without; empty: it is needed."""

    def port(self, name: str) -> Port:
        """Return the port called ``name``.

        Raises:
            KeyError: the service declares no such port.
        """
        for port in self.ports:
            if port.name == name:
                return port
        raise KeyError(f"{self.name}.{name}")

    @property
    def every_port(self) -> tuple[Port, ...]:
        """Those that load balancers alone come to as well."""
        beside = [port.for_balancers for port in self.ports if port.balanced]
        return (*self.ports, *(port for port in beside if port))


@dataclass(frozen=True, slots=True)
class Link:
    """Leave for ``source`` to talk to ``target``, on one port.

    ``port`` is the name of a port of ``target``; for the internet it is a number with a name in
    ``Topology.internet_ports``. A ``reserved`` link is listed in the docs and stays closed.
    """

    source: str
    target: str
    port: str
    purpose: str
    reserved: str = ""
    """Why the link stays closed; empty: it is open."""


@dataclass(frozen=True, slots=True)
class Job:
    """A task of a cluster that runs by the clock. It may be the source of links, like a service.

    Where all run on one machine the owner's own cron(8) does the same by the command.
    """

    name: str
    purpose: str
    image: str
    """The service whose image, account and secrets it has."""
    command: tuple[str, ...]
    schedule: str
    """As crontab(5) writes it."""
    volume: Volume | None = None
    memory_mib: int = 64
    watches: bool = False
    """Whether it may ask every agent how its service is."""
    optional: str = ""
    """What is missing without it, where the smallest machine goes without; empty: it is needed."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Services and the links between them."""

    services: tuple[Service, ...]
    links: tuple[Link, ...]
    internet_ports: Mapping[str, int] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    jobs: tuple[Job, ...] = ()
    health_port: int = 0
    """At which the agent of a container answers probes: that of its pod's main service. Agents of
    services that share the pod have the numbers after it, in the order of the declaration."""

    def service(self, name: str) -> Service:
        """Return the service called ``name``.

        Raises:
            KeyError: no such service is declared.
        """
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def links_from(self, source: str) -> tuple[Link, ...]:
        """Open links that start at ``source``, the internet included."""
        return tuple(link for link in self.links if link.source == source and not link.reserved)

    def pod_of(self, name: str) -> str:
        """Return the name of the pod in which a service or a job runs."""
        job = any(job.name == name for job in self.jobs)
        return name if job else self.service(name).pod or name

    def in_pod(self, pod: str) -> tuple[Service, ...]:
        """Return the services that share ``pod``, its main one first."""
        shared = [service for service in self.services if service.pod == pod]
        return (self.service(pod), *shared)

    def agent_port(self, name: str) -> int:
        """Return the port at which the agent of ``name`` answers probes, in a container."""
        names = [service.name for service in self.in_pod(self.pod_of(name))]
        return self.health_port + names.index(name)

    def secret(self, name: str) -> Secret:
        """Return the secret called ``name``.

        Raises:
            KeyError: no such secret is declared.
        """
        for secret in self.secrets:
            if secret.name == name:
                return secret
        raise KeyError(name)
