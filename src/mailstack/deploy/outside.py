"""Where a link to the internet leads, as the settings have it.

A smarthost or forwarders take the place of the whole internet: then nobody else is spoken to.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

from mailstack.deploy.plan import Plan
from mailstack.topology.model import Link, Transport
from mailstack.topology.table import transports_of

_PORT: Final = re.compile(r":(\d+)$")


class Destination(NamedTuple):
    """``networks`` is empty where it is everybody."""

    networks: tuple[str, ...]
    transports: tuple[Transport, ...]
    port: int


def destinations(plan: Plan, link: Link) -> Iterator[Destination]:
    """Yield whom the source of ``link`` may speak to."""
    transports = transports_of(plan.whole, link.port)
    number = plan.topology.internet_ports[link.port]
    settings = plan.settings
    if link.port == "smtp" and settings.smtp.relayhost:
        found = _PORT.search(settings.smtp.relayhost)
        yield Destination((), transports, int(found[1]) if found else number)
    elif link.port == "dns" and settings.dns.forward:
        for server in settings.dns.forward:
            address, _, port = server.partition("@")
            whole = f"{address}/{ip_address(address).max_prefixlen}"
            yield Destination((whole,), transports, int(port))
    elif link.port == "ntp":
        _, _, port = settings.doctor.time_server.rpartition("@")
        if port:
            yield Destination((), transports, int(port))
    else:
        yield Destination((), transports, number)
