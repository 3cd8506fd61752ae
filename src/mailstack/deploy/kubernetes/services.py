"""Services: one inside for each pod that is linked to, one outside for each with public ports.

A StatefulSet has a headless one besides, which it needs to name its pods: no address, and what is
not ready yet is listed, too. No service of ours asks for these names; operations may.
"""

from collections.abc import Iterator

from mailstack.deploy.kubernetes import names
from mailstack.deploy.kubernetes.port_names import agent_port_name, port_name
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object
from mailstack.topology.model import Port, Service


def services(plan: Plan, pod: str) -> Iterator[Object]:
    """Yield what leads to the pods called ``pod``."""
    yield _object(plan, pod, pod, {"type": "ClusterIP", "ports": _inside(plan, pod)})
    members = plan.topology.in_pod(pod)
    if any(service.volumes for service in members):
        yield _headless(plan, pod)
    ports = [(one, port) for one in members for port in one.ports if port.public]
    if ports and not plan.settings.kubernetes.has_host_ports:
        yield _public(plan, pod, ports)


def _headless(plan: Plan, pod: str) -> Object:
    spec = {"clusterIP": "None", "publishNotReadyAddresses": True, "ports": _inside(plan, pod)}
    return _object(plan, pod, names.headless(pod), spec)


def _inside(plan: Plan, pod: str) -> list[Object]:
    """The linked ports, by the numbers they have in containers, and those of operations."""
    linked = {
        (link.target, link.port) for _, target, link in plan.links_between_pods() if target == pod
    }
    members = plan.topology.in_pod(pod)
    found = [
        _port(port_name(plan, service, port, transport), port.inside, port.inside, transport)
        for service in members
        for port in service.ports
        if port.operations or (service.name, port.name) in linked
        for transport in port.transports
    ]
    for service in members:
        number = plan.topology.agent_port(service.name)
        found.append(_port(agent_port_name(plan, service), number, number, "tcp"))
    return found


def _public(plan: Plan, pod: str, owned: list[tuple[Service, Port]]) -> Object:
    kubernetes, ports = plan.settings.kubernetes, [port for _, port in owned]
    spec: Object = {"type": kubernetes.service, "ipFamilyPolicy": "PreferDualStack"}
    if kubernetes.service != "ClusterIP" or kubernetes.external_addresses:
        # Local: a client's own address arrives, which blocklists, greylisting and limits go by.
        spec["externalTrafficPolicy"] = "Cluster" if _is_proxied(plan, ports) else "Local"
    if kubernetes.external_addresses:
        spec["externalIPs"] = list(kubernetes.external_addresses)
    spec["ports"] = [
        _port(
            port_name(plan, service, port, transport),
            port.number,
            plan.behind(port).inside,
            transport,
        )
        for service, port in owned
        for transport in port.transports
    ]
    found = _object(plan, pod, f"{pod}-public", spec)
    wants_proxy = kubernetes.client_address == "proxy"
    if kubernetes.service_annotations and (_is_proxied(plan, ports) or not wants_proxy):
        # They may tell the load balancer to speak the PROXY protocol, which not every port takes.
        pairs = (text.partition("=") for text in kubernetes.service_annotations)
        found["metadata"]["annotations"] = {key: value for key, _, value in pairs}
    return found


def _is_proxied(plan: Plan, ports: list[Port]) -> bool:
    """Whether the client's address comes by the PROXY protocol; else it must be kept on the way."""
    wants = plan.settings.kubernetes.client_address == "proxy"
    return wants and all(port.for_balancers for port in ports)


def _port(name: str, number: int, inside: int, transport: str) -> Object:
    return {
        "name": name,
        "port": number,
        "targetPort": inside,
        "protocol": transport.upper(),
    }


def _object(plan: Plan, pod: str, name: str, spec: Object) -> Object:
    selected = names.labels(plan, pod)
    return names.object_(
        "v1", "Service", name, plan, names.labels(plan, pod), spec=spec | {"selector": selected}
    )
