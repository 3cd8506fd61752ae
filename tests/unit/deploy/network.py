"""What NetworkPolicies mean, for tests: networking.k8s.io/v1 with podSelector, ports and ipBlock.

A packet passes when a policy of the source's namespace lets it out and one of the target's lets it
in, or none selects the pod for that direction (Kubernetes, Network Policies, "The two sorts of pod
isolation").
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Peer:
    """A pod, or a place outside of the cluster."""

    name: str
    labels: Labels
    namespace: Labels
    """Of a pod; empty: it is outside, and has an address only."""
    address: str


@dataclass(frozen=True)
class Network:
    """The policies of one namespace."""

    namespace: Labels
    policies: Sequence[Mapping[str, Any]]

    def allows(self, source: Peer, target: Peer, port: int, protocol: str) -> bool:
        """Whether a connection comes about."""
        way = (source, target, port, protocol)
        return self._lets("Egress", *way) and self._lets("Ingress", *way)

    def _lets(self, direction: str, source: Peer, target: Peer, port: int, protocol: str) -> bool:
        pod, other = (source, target) if direction == "Egress" else (target, source)
        if pod.namespace != self.namespace:
            return True  # nobody has asked for isolation there
        selecting = [
            policy["spec"]
            for policy in self.policies
            if direction in policy["spec"]["policyTypes"]
            and _selects(policy["spec"]["podSelector"], pod.labels)
        ]
        if not selecting:
            return True
        rules = [rule for spec in selecting for rule in spec.get(direction.lower(), [])]
        return any(
            _is_peer(rule, direction, other, self.namespace) and _has_port(rule, port, protocol)
            for rule in rules
        )


def _is_peer(rule: Mapping[str, Any], direction: str, other: Peer, own: Labels) -> bool:
    peers = rule.get("to" if direction == "Egress" else "from")
    return not peers or any(_matches(peer, other, own) for peer in peers)


def _matches(peer: Mapping[str, Any], other: Peer, own: Labels) -> bool:
    if "ipBlock" in peer:
        address = ip_address(other.address)
        excepted: Iterable[str] = peer["ipBlock"].get("except", [])
        return address in ip_network(peer["ipBlock"]["cidr"]) and not any(
            address in ip_network(network) for network in excepted
        )
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        if not _selects(peer["namespaceSelector"], other.namespace):
            return False
    elif other.namespace != own:
        return False
    return _selects(peer.get("podSelector", {}), other.labels)


def _has_port(rule: Mapping[str, Any], port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(
        entry.get("protocol", "TCP") == protocol and entry.get("port", port) == port
        for entry in ports
    )


def _selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    assert set(selector) <= {"matchLabels"}, "this evaluator knows matchLabels alone"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
