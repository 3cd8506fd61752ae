"""One service as a container: command, probes, resources, and what it may do."""

from dataclasses import replace
from typing import Final

from mailstack.agent.alerts import POD, POD_UID
from mailstack.deploy import places
from mailstack.deploy.kubernetes import volumes
from mailstack.deploy.kubernetes.port_names import agent_port_name, port_name
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object
from mailstack.topology.model import Port, Service

POSTFIX_CAPABILITIES: Final = {
    "CHOWN": "gives the folders of the queue to Postfix's accounts, at the first start",
    "DAC_OVERRIDE": "master makes its sockets in folders of the account postfix with mode 0700",
    "FOWNER": "sets the modes of these folders",
    "KILL": "master, the agent: signals to processes of the account postfix",
    "NET_BIND_SERVICE": "opens the ports below 1024",
    "SETGID": "each process drops to the account postfix",
    "SETUID": "each process drops to the account postfix",
    "SYS_CHROOT": "what talks to strangers is locked into the queue's folder",
}
"""What Postfix's master needs of root, each with its reason; it has nothing else. All are within
the Pod Security Standard "baseline"."""

_START_S: Final = 600
"""A pod waits for others that are pulled, or that wait themselves; only after that it is started
anew. Until then it is not ready, which says the same."""


def container(plan: Plan, service: Service) -> Object:
    """Everything about the container of ``service``."""
    found: Object = {
        "name": service.name,
        "image": plan.image(service.name),
        "imagePullPolicy": plan.settings.kubernetes.pull_policy,
        "command": places.command(service.name),
        "env": [*environment(), *_identity(plan)],
        "ports": _ports(plan, service),
        **_probes(plan.topology.agent_port(service.name)),
        "resources": resources(plan, service.memory_mib),
        "securityContext": security(service),
        "volumeMounts": volumes.mounts(service),
    }
    if service.name == "postfix":
        # Accept no more, send what can be sent, and only then stop; the rest waits on its volume.
        drain: Object = {"exec": {"command": ["mailstack", "drain", "postfix"]}}
        found["lifecycle"] = {"preStop": drain}
    return found


def sidecar(plan: Plan, service: Service) -> Object:
    """A container that is there before the main one, and until that has ended.

    The main one waits for its agent alone: were it for its daemon, two that need each other would
    never begin.
    """
    found = container(plan, service)
    alive = found["livenessProbe"]["httpGet"]
    return found | {
        "restartPolicy": "Always",
        "startupProbe": found["startupProbe"] | {"httpGet": alive},
    }


def owner(plan: Plan, service: Service) -> Object:
    """Before all else: gives the volume of ``service`` to its account (volumes.needs_owner)."""
    account = f"{service.uid}:{service.uid}"
    folder = places.data(service.name)
    return {
        "name": f"{service.name}-owner",
        "image": plan.image(service.name),
        "imagePullPolicy": plan.settings.kubernetes.pull_policy,
        "command": ["chown", account, folder],
        "resources": resources(plan, 0),
        "securityContext": security(replace(service, uid=0)) | {"capabilities": _CHOWN},
        "volumeMounts": [{"name": f"{service.name}-data", "mountPath": folder}],
    }


_CHOWN: Final = {"drop": ["ALL"], "add": ["CHOWN"]}


def environment() -> list[Object]:
    return [{"name": name, "value": value} for name, value in places.ENVIRONMENT.items()]


def _identity(plan: Plan) -> list[Object]:
    """Which pod it is in, for who makes Events about it."""
    if not plan.settings.kubernetes.events:
        return []
    fields = {POD: "metadata.name", POD_UID: "metadata.uid"}
    return [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in fields.items()
    ]


def _ports(plan: Plan, service: Service) -> list[Object]:
    found = [
        {
            "name": port_name(plan, service, port, transport),
            "containerPort": port.inside,
            "protocol": transport.upper(),
            **_at_the_node(plan, service, port),
        }
        for port in plan.ports(service)
        if not port.own
        for transport in port.transports
    ]
    number = plan.topology.agent_port(service.name)
    agent = {"name": agent_port_name(plan, service), "containerPort": number, "protocol": "TCP"}
    return [*found, agent]


def _at_the_node(plan: Plan, service: Service, port: Port) -> Object:
    if not plan.settings.kubernetes.has_host_ports:
        return {}
    leading = [one for one in service.ports if one.public and plan.behind(one) == port]
    return {"hostPort": leading[0].number} if leading else {}


def _probes(port: int) -> Object:
    """Ask the agent, who asks the daemon the way its clients do: a whole dialog, not a port.

    Ready: the last answer was right. Alive: the agent itself answers; a daemon that hangs is its
    business, and it knows better when waiting would do. So only an agent that is silent for two
    minutes is ended: less would restart what a busy node merely keeps waiting.
    """
    return {
        "startupProbe": _probe(port, "/readyz", period_s=2, failures=_START_S // 2),
        "readinessProbe": _probe(port, "/readyz", period_s=5, failures=2),
        "livenessProbe": _probe(port, "/healthz", period_s=20, failures=6, timeout_s=10),
    }


def _probe(port: int, path: str, *, period_s: int, failures: int, timeout_s: int = 5) -> Object:
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period_s,
        "timeoutSeconds": timeout_s,
        "failureThreshold": failures,
    }


def resources(plan: Plan, needs_mib: int) -> Object:
    """By the profile. No limit of the processor: it would only make mail wait."""
    return {
        "requests": {
            "cpu": f"{plan.size.cpu_m}m",
            "memory": f"{plan.asked_mib(needs_mib)}Mi",
        },
        "limits": {"memory": f"{plan.allowed_mib(needs_mib)}Mi"},
    }


def security(service: Service) -> Object:
    """As little as it works with. A number as user, so that the kubelet can tell it is not root."""
    capabilities: Object = {"drop": ["ALL"]}
    if service.name == "postfix":
        capabilities["add"] = sorted(POSTFIX_CAPABILITIES)
    return {
        "runAsUser": service.uid,
        "runAsGroup": service.uid,
        "runAsNonRoot": bool(service.uid),
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
    }
