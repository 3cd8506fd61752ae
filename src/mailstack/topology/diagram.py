"""The links as a picture in text: Mermaid, which forges and editors draw."""

from collections.abc import Iterator

from mailstack.topology.model import INTERNET, Topology
from mailstack.topology.table import rows


def diagram(topology: Topology) -> str:
    """One box for each pod with its services, one arrow for each open link with its port."""
    return "\n".join(["flowchart LR", *_boxes(topology), *_arrows(topology)]) + "\n"


def _boxes(topology: Topology) -> Iterator[str]:
    yield f"  {INTERNET}(({INTERNET}))"
    for service in topology.services:
        if service.pod:
            continue
        members = topology.in_pod(service.name)
        if len(members) == 1:
            yield f"  {service.name}[{service.name}]"
            continue
        yield f'  subgraph pod-{service.name} ["pod {service.name}"]'
        yield from (f"    {one.name}[{one.name}]" for one in members)
        yield "  end"
    yield from (f"  {job.name}([{job.name}])" for job in topology.jobs)


def _arrows(topology: Topology) -> Iterator[str]:
    for row in rows(topology):
        if not row.closed:
            yield f"  {row.source} -->|{row.port}| {row.target}"
