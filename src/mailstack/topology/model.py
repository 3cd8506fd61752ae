"""The words of the declaration: services, ports, links, volumes.

Pure data and questions about it. ``stack.py`` holds the one declaration; ``problems.py`` checks it.
Numbers of ports stand in the declaration and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    transports: tuple[Transport, ...] = ("tcp",)


@dataclass(frozen=True, slots=True)
class Volume:
    """What a service keeps on disk. ``name`` is the folder under the service's data folder."""

    name: str
    purpose: str
    megabytes: int
    """Size to claim on a cluster, in MiB."""


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

    def port(self, name: str) -> Port:
        """Return the port called ``name``.

        Raises:
            KeyError: the service declares no such port.
        """
        for port in self.ports:
            if port.name == name:
                return port
        raise KeyError(f"{self.name}.{name}")


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
class Topology:
    """Services and the links between them."""

    services: tuple[Service, ...]
    links: tuple[Link, ...]
    internet_ports: Mapping[str, int] = field(default_factory=dict)

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
