"""docs/reference/topology.md, from the declaration of services, ports and links."""

from mailstack.generate.markdown import code, page, table
from mailstack.topology.model import INTERNET, Link, Service
from mailstack.topology.stack import STACK

_ABOUT = """\
The one declaration, as tables. On one machine every port is shifted by `listen.port_offset`; public
ports listen on `listen.address`, all others on loopback. What is not listed under Links cannot be
reached: a service learns the addresses of its links, and no others.

![Services and links](../topo.svg)
"""


def topology_page() -> str:
    """Services, ports, links, volumes and memory."""
    return page(
        "Topology",
        "src/mailstack/topology/stack.py",
        _ABOUT,
        "## Services\n",
        table(
            ("Service", "Purpose", "Runs as", "Memory", "Waits for"),
            [_service(s) for s in STACK.services],
        ),
        "## Ports\n",
        table(
            ("Service", "Port", "Name", "Open to", "Purpose"),
            [_port(s, i) for s in STACK.services for i in range(len(s.ports))],
        ),
        "## Links\n",
        table(("From", "To", "Port", "Purpose"), [_link(link) for link in STACK.links]),
        "## On disk\n",
        table(
            ("Service", "Folder below STATE/data/SERVICE", "Size to claim", "Purpose"),
            [
                (s.name, code(v.name), f"{v.megabytes} MiB", v.purpose)
                for s in STACK.services
                for v in s.volumes
            ],
        ),
    )


def _service(service: Service) -> tuple[str, ...]:
    account = str(service.account) if service.account else "root, then its own accounts"
    return (
        service.name,
        service.purpose,
        account,
        f"{service.memory_mib} MiB",
        ", ".join(service.after),
    )


def _port(service: Service, index: int) -> tuple[str, ...]:
    port = service.ports[index]
    number = f"{port.number}/{'+'.join(port.transports)}"
    return (
        service.name,
        number,
        code(port.name),
        "internet" if port.public else "links",
        port.purpose,
    )


def _link(link: Link) -> tuple[str, ...]:
    if link.target == INTERNET:
        number = STACK.internet_ports[link.port]
    else:
        number = STACK.service(link.target).port(link.port).number
    closed = f" (closed: {link.reserved})" if link.reserved else ""
    return link.source, link.target, f"{number} {link.port}", link.purpose + closed
