"""Names of ports: of a pod's containers, and of the Services that lead there.

Each is there once in a pod, as the API server asks of a Service, though two services of the pod may
call a port of theirs the same. The later one's name then has the number of its container behind it,
as the ports of agents have.
"""

from mailstack.deploy.plan import Plan
from mailstack.topology.model import Port, Service

_AGENT = "agent"


def port_name(plan: Plan, service: Service, port: Port, transport: str) -> str:
    """Name a port; of two with one number each has its transport's."""
    members = plan.topology.in_pod(plan.topology.pod_of(service.name))
    index = [one.name for one in members].index(service.name)
    taken = any(other.name == port.name for one in members[:index] for other in one.ports)
    name = _numbered(port.name, index) if taken else port.name
    return f"{name}-{transport}" if len(port.transports) > 1 else name


def agent_port_name(plan: Plan, service: Service) -> str:
    """Name the port at which the agent of ``service`` answers."""
    members = plan.topology.in_pod(plan.topology.pod_of(service.name))
    return _numbered(_AGENT, [one.name for one in members].index(service.name))


def _numbered(name: str, index: int) -> str:
    return f"{name}-{index}" if index else name
