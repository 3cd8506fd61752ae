"""What every check is given. Nothing is asked here: a check that fails must not fail the others."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailstack.client import Client, UnixTransport
from mailstack.daemons.postfix.probe import proxy_line
from mailstack.findings import Finding
from mailstack.settings import Settings
from mailstack.topology.addresses import cluster, one_machine
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

JOB = "doctor"
"""Its name in the declaration: by its links a pod of it reaches the others."""


@dataclass(frozen=True, slots=True)
class Context:
    """One stack, seen from this machine or from a pod of a cluster."""

    settings: Settings
    state: Path
    addresses: tuple[str, ...]
    """At which the world reaches it; empty when that is not known."""
    status: Mapping[str, Any] | None
    """As ``status --json`` has it; None when nothing runs."""
    pod: bool = False
    """Whether each service is in a container of its own: then this one sees no other's disk."""
    remote: Client | None = None
    """Where couchmail is asked; None: by its socket on this machine."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Name of a pod → its address, where it has to be known before it can be asked."""

    def port(self, service: str, port: str) -> Endpoint:
        """Where a program reaches a port from here.

        Raises:
            KeyError: there is no link to it.
        """
        if self.pod:
            return cluster(STACK, JOB)[f"{service}.{port}"]
        listen = self.settings.listen
        found = one_machine(STACK, service, public_host=listen.address, offset=listen.port_offset)[
            f"{service}.{port}"
        ]
        return Endpoint("127.0.0.1" if found.host == "all" else found.host, found.port)

    def outside(self, service: str, port: str) -> list[Endpoint]:
        """Where the world reaches a public port, by all that is known."""
        offset = 0 if self.pod else self.settings.listen.port_offset
        number = STACK.service(service).port(port).number + offset
        return [Endpoint(address, number) for address in self.addresses]

    def introduction(self, service: str, port: str) -> str:
        """Return what a load balancer would say there first (PROXY protocol); often nothing."""
        proxied = STACK.service(service).port(port).proxied and self.settings.listen.proxy_networks
        at = self.port(service, port)
        return proxy_line("127.0.0.1", at.port) if proxied else ""

    @property
    def resolver(self) -> Endpoint:
        """By its address: who resolves names is not found by name."""
        at = self.port("resolver", "dns")
        return Endpoint(self.hosts.get(at.host, at.host), at.port)

    @property
    def api(self) -> Client:
        return self.remote or Client(UnixTransport(self.state / "run" / "couchmail" / "api.sock"))

    # --- the places that a fix names ---------------------------------------------------------

    def log(self, service: str) -> str:
        """How the log of a service is read."""
        if self.pod:
            pod = STACK.pod_of(service)
            return (
                f"kubectl -n {self.settings.project} logs -l app.kubernetes.io/name={pod} "
                f"-c {service}"
            )
        return f"read {self.state}/log/{service}.log"

    def overrides(self, service: str) -> str:
        """The folder of the owner's lines for a service."""
        return f"overrides/{service}" if self.pod else f"{self.state}/overrides/{service}"

    @property
    def queue_command(self) -> str:
        """postqueue(1), as it finds this stack's queue."""
        return self.inside("postfix", f"postqueue -c {self.state}/conf/postfix/current")

    @property
    def secure(self) -> str:
        """The folder of keys and certificates."""
        return "deploy/secrets" if self.pod else f"{self.state}/secure"

    def inside(self, service: str, command: str) -> str:
        """How a command is run where the service is."""
        if not self.pod:
            return command
        pod = STACK.pod_of(service)
        kind = "statefulset" if any(s.volumes for s in STACK.in_pod(pod)) else "deployment"
        return f"kubectl -n {self.settings.project} exec {kind}/{pod} -c {service} -- {command}"


Found = list[Finding]
Check = Callable[[Context], Awaitable[Found]]
