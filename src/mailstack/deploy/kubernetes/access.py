"""What a pod may ask of the cluster's API: nothing, unless there is a reason.

One that exchanges a secret may read and change the Secrets that the declaration names for it, by
name, and no others. ``create`` and ``list`` cannot be kept to a name (Kubernetes, Using RBAC
Authorization, "Referring to resources"), so the Secret has to be there, and nobody looks for it.

With ``kubernetes.events`` every resident pod may make Events in its namespace: it reads none and
changes none.
"""

from collections.abc import Iterator

from mailstack.deploy.kubernetes import names
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object

_API = "rbac.authorization.k8s.io"


def rules(plan: Plan, pod: str) -> list[Object]:
    """Return what pods of that name may do; who may do nothing has no token, and no way there."""
    found: list[Object] = []
    if secrets := _written(plan, pod):
        found.append(
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": secrets,
                "verbs": ["get", "patch", "update"],
            }
        )
    if plan.settings.kubernetes.events and pod in plan.pods:
        events = {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}
        found.append(events)
    return found


def _written(plan: Plan, pod: str) -> list[str]:
    """Names of the Secrets that services of ``pod`` exchange."""
    services = [service for service in plan.topology.services if pod in (service.name, service.pod)]
    return [names.secret(secret) for service in services for secret in service.writes]


def access(plan: Plan, pod: str) -> Iterator[Object]:
    """Yield the Role and who has it."""
    may = rules(plan, pod)
    if not may:
        return
    labels = names.labels(plan, pod)
    yield names.object_(f"{_API}/v1", "Role", pod, plan, labels, rules=may)
    yield names.object_(
        f"{_API}/v1",
        "RoleBinding",
        pod,
        plan,
        labels,
        roleRef={"apiGroup": _API, "kind": "Role", "name": pod},
        subjects=[{"kind": "ServiceAccount", "name": pod, "namespace": plan.name}],
    )
