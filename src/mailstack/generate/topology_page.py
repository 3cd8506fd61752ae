"""docs/reference/topology.md, from the declaration of services, ports and links."""

from mailstack.generate.markdown import code, page, table
from mailstack.topology.model import INTERNET, Job, Link, Port, Service
from mailstack.topology.stack import STACK

_ABOUT = """\
The one declaration, as tables. On one machine every port is shifted by `listen.port_offset`; public
ports listen on `listen.address`, all others on loopback. What is not listed under Links cannot be
reached: a service learns the addresses of its links, and no others. Ports of load balancers (`-lb`)
are there only with `listen.proxy_networks`; in containers the public port then leads to them.

![Services and links](../topo.svg)
"""

_CONTAINERS = """\
Each service has a container, and those of one pod share its ports. *Agent* is the port at which the
agent answers probes and shows its numbers. A service with a reason under *Alone* has no replicas.
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
            [_port(s, i) for s in STACK.services for i in range(len(s.every_port))],
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
        "## In containers\n",
        _CONTAINERS,
        table(
            ("Service", "Pod", "Account", "Ports with another number", "Agent", "Secrets", "Alone"),
            [_container(s) for s in STACK.services],
        ),
        table(
            ("Job", "Purpose", "When", "Image of", "Volume"),
            [_job(job) for job in STACK.jobs],
        ),
        table(("Secret", "Purpose"), [(s.name, s.purpose) for s in STACK.secrets]),
    )


def _container(service: Service) -> tuple[str, ...]:
    moved = (f"{p.number} is {p.container}" for p in service.ports if p.container)
    return (
        service.name,
        STACK.pod_of(service.name),
        str(service.uid) if service.uid else "root, then its own accounts",
        ", ".join(moved),
        str(STACK.agent_port(service.name)),
        ", ".join(service.secrets),
        service.single,
    )


def _job(job: Job) -> tuple[str, ...]:
    size = f"{job.volume.megabytes} MiB, {job.volume.purpose}" if job.volume else ""
    return (job.name, job.purpose, code(job.schedule), job.image, size)


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
    port = service.every_port[index]
    number = f"{port.number}/{'+'.join(port.transports)}"
    return (
        service.name,
        number,
        code(port.name),
        _open_to(port),
        port.purpose,
    )


def _open_to(port: Port) -> str:
    if port.name.endswith("-lb"):
        return "load balancers"
    return "internet" if port.public else "links"


def _link(link: Link) -> tuple[str, ...]:
    if link.target == INTERNET:
        number = STACK.internet_ports[link.port]
    else:
        number = STACK.service(link.target).port(link.port).number
    closed = f" (closed: {link.reserved})" if link.reserved else ""
    return link.source, link.target, f"{number} {link.port}", link.purpose + closed
