"""What a pod may ask of the cluster's API: nothing, unless its service exchanges a secret.

Then it may read and change the Secrets that the declaration names for it, by name, and no others.
``create`` and ``list`` cannot be kept to a name (Kubernetes, Using RBAC Authorization,
"Referring to resources"), so the Secret has to be there, and nobody looks for it.
"""

from collections.abc import Iterator

from mailstack.deploy.kubernetes import names
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object

_API = "rbac.authorization.k8s.io"


def written(plan: Plan, pod: str) -> list[str]:
    """Names of the Secrets that services of ``pod`` exchange."""
    services = [service for service in plan.topology.services if pod in (service.name, service.pod)]
    return [names.secret(secret) for service in services for secret in service.writes]


def access(plan: Plan, pod: str) -> Iterator[Object]:
    """Yield the Role and who has it."""
    secrets = written(plan, pod)
    if not secrets:
        return
    labels = names.labels(plan, pod)
    rule = {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": secrets,
        "verbs": ["get", "patch", "update"],
    }
    yield names.object_(f"{_API}/v1", "Role", pod, plan, labels, rules=[rule])
    yield names.object_(
        f"{_API}/v1",
        "RoleBinding",
        pod,
        plan,
        labels,
        roleRef={"apiGroup": _API, "kind": "Role", "name": pod},
        subjects=[{"kind": "ServiceAccount", "name": pod, "namespace": plan.name}],
    )
