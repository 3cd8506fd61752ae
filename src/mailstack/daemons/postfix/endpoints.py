"""How Postfix spells addresses: where a service listens, and whom a lookup asks."""

from mailstack.daemons.contract import Site
from mailstack.topology.model import LOOPBACK, Endpoint

EVERYWHERE = "all"
"""A listening host that means every address of the machine (``inet_interfaces``)."""


def listen(endpoint: Endpoint) -> str:
    """Spell a listening address as the first field of master.cf: ``PORT`` or ``HOST:PORT``."""
    return str(endpoint.port) if endpoint.host == EVERYWHERE else str(endpoint)


def socketmap(peer: Endpoint, name: str) -> str:
    """Name one of couchmail's maps; socketmap_table(5) holds answers of up to 100,000 octets."""
    return f"socketmap:inet:{peer}:{name}"


def own_forward(site: Site) -> Endpoint:
    """Where Postfix hands itself what it forwards: in a pod, too, on loopback and nowhere else."""
    return Endpoint(LOOPBACK, site.addresses["postfix.forward"].port)
