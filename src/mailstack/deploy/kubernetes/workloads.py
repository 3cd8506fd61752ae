"""The pods: a StatefulSet where something is kept, a Deployment where not."""

from typing import Final

from mailstack.deploy.kubernetes import containers, names, volumes
from mailstack.deploy.kubernetes.access import rules
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object
from mailstack.topology.model import Service

_GRACE_S: Final = {"postfix": 150, "dovecot": 60}
"""Seconds from the wish to end a pod until it is killed. Postfix: 60 to drain (its preStop), 30 for
the filter's transactions, 20 for its master, and as much again."""
_USUAL_GRACE_S: Final = 45

_LOWEST_OPEN: Final = 1024
"""Ports below it are root's, unless the pod's own kernel setting says otherwise."""


def workload(plan: Plan, pod: str) -> Object:
    """The controller of the pods called ``pod``."""
    keeps = [service for service in plan.topology.in_pod(pod) if service.volumes]
    spec: Object = {
        "replicas": plan.replicas(pod),
        "selector": names.selector(plan, pod),
        "template": _template(plan, pod),
    }
    if not keeps:
        spec |= {"revisionHistoryLimit": 2, **_exchange(plan, pod)}
        return _object(plan, pod, "Deployment", spec)
    more = {
        "serviceName": names.headless(pod),
        # Each has a volume of its own, so none waits for the one before.
        "podManagementPolicy": "Parallel",
        "revisionHistoryLimit": 2,
        "volumeClaimTemplates": [_claim(plan, service) for service in keeps],
    }
    return _object(plan, pod, "StatefulSet", spec | more)


def _exchange(plan: Plan, pod: str) -> Object:
    """How new pods take the place of old: beside them, unless both need the same port of a node."""
    at_the_node = plan.settings.kubernetes.has_host_ports and is_public(plan, pod)
    return {"strategy": {"type": "Recreate"}} if at_the_node else {}


def is_public(plan: Plan, pod: str) -> bool:
    """Whether the world speaks to pods called ``pod``."""
    return any(port.public for service in plan.topology.in_pod(pod) for port in service.ports)


def account(plan: Plan, pod: str) -> Object:
    """An identity of its own, without a token unless the pod's template asks for one."""
    return names.object_(
        "v1",
        "ServiceAccount",
        pod,
        plan,
        names.labels(plan, pod),
        automountServiceAccountToken=False,
    )


def disruption_budget(plan: Plan, pod: str) -> Object:
    """One at a time. With a single replica a node can be drained too: mail waits, none is lost."""
    return names.object_(
        "policy/v1",
        "PodDisruptionBudget",
        pod,
        plan,
        names.labels(plan, pod),
        spec={
            "maxUnavailable": 1,
            "selector": names.selector(plan, pod),
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    )


def _object(plan: Plan, pod: str, kind: str, spec: Object) -> Object:
    return names.object_("apps/v1", kind, pod, plan, names.labels(plan, pod), spec=spec)


def _claim(plan: Plan, service: Service) -> Object:
    return {
        "metadata": {"name": f"{service.name}-data"},
        "spec": volumes.claim_spec(plan, service.volumes),
    }


def _template(plan: Plan, pod: str) -> Object:
    services = plan.topology.in_pod(pod)
    mounted = [volume for service in services for volume in volumes.of_service(plan, service)]
    return {
        "metadata": {"labels": names.labels(plan, pod)},
        "spec": {
            **pod_spec(plan, pod, services[0], token=bool(rules(plan, pod))),
            "terminationGracePeriodSeconds": _GRACE_S.get(pod, _USUAL_GRACE_S),
            "securityContext": pod_security(services),
            **_shared(services),
            **_place(plan, pod),
            **_first(plan, services),
            "containers": [
                containers.container(plan, service)
                for service in services
                if not stays_longer(plan, service)
            ],
            "volumes": [volumes.settings(), *mounted],
        },
    }


def _shared(services: tuple[Service, ...]) -> Object:
    """Processes see each other only where one service signals another's."""
    return {"shareProcessNamespace": True} if any(s.also for s in services) else {}


def stays_longer(plan: Plan, service: Service) -> bool:
    """Whether the main service of its pod asks it, also while that drains.

    Containers of a pod are told to end at the same moment. One of these is a sidecar: it begins
    before the main one and is told when that has ended (Kubernetes, Sidecar Containers; 1.29).
    """
    main = plan.topology.pod_of(service.name)
    return any((link.source, link.target) == (main, service.name) for link in plan.topology.links)


def _first(plan: Plan, services: tuple[Service, ...]) -> Object:
    """What begins before the main service: who hands volumes over and ends, and sidecars."""
    owners = [
        containers.owner(plan, service)
        for service in services
        if volumes.needs_owner(plan, service)
    ]
    sidecars = [
        containers.sidecar(plan, service) for service in services if stays_longer(plan, service)
    ]
    return {"initContainers": [*owners, *sidecars]} if owners or sidecars else {}


def pod_spec(plan: Plan, account_name: str, main: Service, *, token: bool = False) -> Object:
    """What pods of services and of jobs have in common. Few ask the cluster's API anything."""
    found: Object = {
        "serviceAccountName": account_name,
        "automountServiceAccountToken": token,
        "enableServiceLinks": False,
    }
    if not main.uid and plan.settings.kubernetes.has_user_namespaces:
        found["hostUsers"] = False
    kubernetes = plan.settings.kubernetes
    if kubernetes.priority_class:
        found["priorityClassName"] = kubernetes.priority_class
    if kubernetes.pull_secrets:
        found["imagePullSecrets"] = [{"name": name} for name in kubernetes.pull_secrets]
    return found


def pod_security(services: tuple[Service, ...]) -> Object:
    """The group of the volumes, and from which port on anybody may listen."""
    main = services[0]
    found: Object = {"seccompProfile": {"type": "RuntimeDefault"}}
    if main.uid:
        found = {
            "runAsNonRoot": True,
            "fsGroup": main.uid,
            # Once: to look through all mailboxes at each start would take minutes.
            "fsGroupChangePolicy": "OnRootMismatch",
            **found,
        }
    low = [p.inside for s in services if s.uid for p in s.ports if p.inside < _LOWEST_OPEN]
    if low:
        # A setting of the pod's own network, so nobody needs a capability for it.
        sysctl = {"name": "net.ipv4.ip_unprivileged_port_start", "value": str(min(low))}
        found["sysctls"] = [sysctl]
    return found


def _place(plan: Plan, pod: str) -> Object:
    """On which nodes: those of the public address, and not all on one of several."""
    public = plan.settings.kubernetes.public_nodes if is_public(plan, pod) else ()
    labels = {name: value for name, _, value in (text.partition("=") for text in public)}
    return ({"nodeSelector": labels} if labels else {}) | _spread(plan, pod)


def _spread(plan: Plan, pod: str) -> Object:
    if any(service.single for service in plan.topology.in_pod(pod)):
        return {}
    constraint = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": names.selector(plan, pod),
    }
    return {"topologySpreadConstraints": [constraint]}
