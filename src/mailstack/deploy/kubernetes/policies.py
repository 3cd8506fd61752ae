"""NetworkPolicies: exactly the links, from both ends.

Ports are those of containers, because a policy sees a packet after its Service. The kubelet's
probes need no rule: a pod's own node always reaches it (Kubernetes, Network Policies: "traffic to
and from the node where a Pod is running is always allowed").
"""

from collections.abc import Iterator
from typing import Final

from mailstack.deploy import outside
from mailstack.deploy.kubernetes import access, names
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object
from mailstack.topology.model import INTERNET, Port

EVERYWHERE: Final = ("0.0.0.0/0", "::/0")

_CLUSTER_DNS: Final = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
"""Where the names of Services are told. The label is the same for CoreDNS and what it replaced."""


def policy(plan: Plan, name: str) -> Object:
    """What the pods of a service or a job may do: nothing but this.

    A direction without a rule is named as a type alone: an empty list, which means the same, is not
    kept by the API server, and would be a change each time this is applied.
    """
    rules = {"ingress": [*_ingress(plan, name)], "egress": [*_egress(plan, name)]}
    return names.object_(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        plan,
        names.labels(plan, name),
        spec={
            "podSelector": names.selector(plan, name),
            "policyTypes": ["Ingress", "Egress"],
            **{direction: those for direction, those in rules.items() if those},
        },
    )


def _ingress(plan: Plan, pod: str) -> Iterator[Object]:
    sources: dict[tuple[str, str], list[str]] = {}
    for source, target, link in plan.links_between_pods():
        known = sources.setdefault((link.target, link.port), [])
        if target == pod and source not in known:
            known.append(source)
    for (service, name), pods in sources.items():
        if pods:
            port = plan.topology.service(service).port(name)
            yield {"from": [_pods(plan, source) for source in pods], "ports": _ports(port)}
    yield from _from_watchers(plan, pod)
    yield from _from_the_internet(plan, pod)
    yield from _from_monitoring(plan, pod)


def _watchers(plan: Plan) -> list[str]:
    """Jobs that ask every agent."""
    return [job.name for job in plan.topology.jobs if job.watches]


def _from_watchers(plan: Plan, pod: str) -> Iterator[Object]:
    if pod in plan.pods and (watchers := _watchers(plan)):
        yield {"from": [_pods(plan, one) for one in watchers], "ports": _agents(plan, pod)}


def _agents(plan: Plan, pod: str) -> list[Object]:
    """The ports at which the agents of a pod answer."""
    return [
        _port("TCP", plan.topology.agent_port(service.name))
        for service in plan.topology.in_pod(pod)
    ]


def _from_the_internet(plan: Plan, pod: str) -> Iterator[Object]:
    """Everybody; with the PROXY protocol only who may speak it, for that names any address."""
    ports = [
        plan.behind(plan.topology.service(link.target).port(link.port))
        for link in plan.topology.links
        if link.source == INTERNET and plan.topology.pod_of(link.target) == pod
    ]
    proxies = plan.settings.listen.proxy_networks
    for proxied, networks in ((True, proxies or EVERYWHERE), (False, EVERYWHERE)):
        entries = [entry for port in ports if port.proxied is proxied for entry in _ports(port)]
        if entries:
            yield {"from": _blocks(networks), "ports": entries}


def _from_monitoring(plan: Plan, pod: str) -> Iterator[Object]:
    namespace = plan.settings.kubernetes.monitoring_namespace
    if not namespace or pod in {job.name for job in plan.topology.jobs}:
        return
    services = plan.topology.in_pod(pod)
    own = [port for service in services for port in service.ports if port.operations]
    yield {
        "from": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
        ],
        "ports": [entry for port in own for entry in _ports(port)] + _agents(plan, pod),
    }


def _egress(plan: Plan, pod: str) -> Iterator[Object]:
    targets: dict[str, list[Object]] = {}
    for source, target, link in plan.links_between_pods():
        if source == pod:
            known = targets.setdefault(target, [])
            entries = _ports(plan.topology.service(link.target).port(link.port))
            known += [entry for entry in entries if entry not in known]
    if pod in _watchers(plan):
        for target in plan.pods:
            targets[target] = targets.get(target, []) + _agents(plan, target)
    for target, ports in targets.items():
        yield {"to": [_pods(plan, target)], "ports": ports}
    asks_the_api = bool(access.rules(plan, pod))
    if targets or asks_the_api:
        yield _to_cluster_dns(plan)
    yield from _to_the_internet(plan, pod)
    if asks_the_api:
        yield _to_the_api(plan)


def _to_cluster_dns(plan: Plan) -> Object:
    """Whoever talks to another pod or to the API server has to find its address first."""
    networks = plan.settings.kubernetes.dns_networks
    number = plan.topology.internet_ports["dns"]
    ports = [_port(protocol, number) for protocol in ("UDP", "TCP")]
    return {"to": [_CLUSTER_DNS, *_blocks(networks)], "ports": ports}


def _to_the_api(plan: Plan) -> Object:
    """Behind its Service, since a policy sees a packet after that: where, only its owner knows."""
    kubernetes = plan.settings.kubernetes
    numbers = dict.fromkeys((plan.topology.internet_ports["https"], kubernetes.api_port))
    ports = [_port("TCP", number) for number in numbers]
    return {"to": _blocks(kubernetes.api_networks or EVERYWHERE), "ports": ports}


def _to_the_internet(plan: Plan, pod: str) -> Iterator[Object]:
    """Each destination once, whichever containers of the pod go there."""
    found = dict.fromkeys(
        destination
        for link in plan.topology.links
        if link.target == INTERNET and plan.topology.pod_of(link.source) == pod
        for destination in outside.destinations(plan, link)
    )
    for networks, transports, number in found:
        ports = [_port(transport.upper(), number) for transport in transports]
        yield {"to": _blocks(networks or EVERYWHERE), "ports": ports}


def _pods(plan: Plan, name: str) -> Object:
    return {"podSelector": names.selector(plan, name)}


def _blocks(networks: tuple[str, ...]) -> list[Object]:
    return [{"ipBlock": {"cidr": network}} for network in networks]


def _ports(port: Port) -> list[Object]:
    return [_port(transport.upper(), port.inside) for transport in port.transports]


def _port(protocol: str, number: int) -> Object:
    return {"protocol": protocol, "port": number}
