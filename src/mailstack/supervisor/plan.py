"""In which order services start and stop, and who asks whom.

A service starts when those it needs are healthy, and stops when those that need it have stopped;
all else happens at the same time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailstack.topology.model import Topology


@dataclass(frozen=True, slots=True)
class Plan:
    """Which service needs which."""

    needs: Mapping[str, frozenset[str]]
    asks: Mapping[str, frozenset[str]]
    """Every service that one is linked to: what it does may fail because that one is down."""

    def needed_by(self, service: str) -> frozenset[str]:
        return frozenset(name for name, needs in self.needs.items() if service in needs)


def plan(topology: Topology, services: Iterable[str]) -> Plan:
    """Order ``services``; needs outside of them are somebody else's business."""
    ours = set(services)
    linked = {name: {link.target for link in topology.links_from(name)} for name in ours}
    return Plan(
        {name: frozenset(topology.service(name).after) & ours for name in ours},
        {name: frozenset(linked[name]) & ours for name in ours},
    )
