"""Where a service runs, turned into all that its rendering may depend on.

The only place that asks the topology for addresses on behalf of a daemon package.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mailstack.daemons.accounts import account
from mailstack.daemons.contract import Account, Paths, Site, Version
from mailstack.settings import Settings
from mailstack.topology.addresses import cluster, one_machine, resolver_host
from mailstack.topology.model import Endpoint, Topology

RESOLVER = "resolver"
_IF_INET6 = Path("/proc/net/if_inet6")


@dataclass(frozen=True, slots=True)
class Place:
    """One machine, or one pod of a cluster."""

    topology: Topology
    state: Path
    in_pod: bool = False
    hosts: Mapping[str, str] = field(default_factory=dict)
    """In a pod: name of another pod → its address. SpamAssassin, OpenDKIM's resolver and what
    Postfix runs in its chroot cannot look names of the cluster up, so the agent does it for all."""

    def site(self, service: str, settings: Settings, version: Version) -> Site:
        """Put together what the package of ``service`` gets to see.

        Raises:
            MissingProgram: the account it runs as does not exist.
        """
        return Site(
            settings=settings,
            addresses=self._addresses(service, settings),
            paths=Paths(self.state, service),
            version=version,
            account=self._account(service),
            resolver=self._resolver(service, settings),
            ipv6=has_ipv6(),
        )

    def _account(self, service: str) -> Account:
        """By number in a container, whose image made the account with that number."""
        declared = self.topology.service(service)
        return account(declared.uid if self.in_pod else declared.account)

    def _addresses(self, service: str, settings: Settings) -> Mapping[str, Endpoint]:
        if self.in_pod:
            return {name: self._found(at) for name, at in cluster(self.topology, service).items()}
        listen = settings.listen
        return one_machine(
            self.topology, service, public_host=listen.address, offset=listen.port_offset
        )

    def _found(self, endpoint: Endpoint) -> Endpoint:
        return replace(endpoint, host=self.hosts.get(endpoint.host, endpoint.host))

    def _resolver(self, service: str, settings: Settings) -> str:
        """Return an address, for programs that cannot be told a port (resolv.conf(5))."""
        if not self.in_pod:
            return resolver_host(settings.listen.port_offset)
        if all(link.target != RESOLVER for link in self.topology.links_from(service)):
            return ""
        return self.hosts.get(RESOLVER, "")


def has_ipv6() -> bool:
    """Whether the machine has any IPv6 address at all, ::1 included."""
    try:
        return bool(_IF_INET6.read_text(encoding="ascii").strip())
    except OSError:
        return False
