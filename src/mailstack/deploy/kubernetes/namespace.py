"""The namespace: which pods are admitted at all, and that nobody may talk to anybody."""

from typing import Final

from mailstack.deploy.kubernetes import names
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object

_ADMISSION: Final = {
    # Postfix's master starts as root with capabilities that "restricted" forbids; every other pod
    # keeps to "restricted", and the cluster tells of one that does not.
    "enforce": "baseline",
    "audit": "restricted",
    "warn": "restricted",
}


def namespace(plan: Plan) -> Object:
    """The namespace, with the Pod Security Standard that is enforced in it."""
    found: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": plan.name, "labels": names.common(plan)},
    }
    for mode, level in _admission(plan).items():
        prefix = f"pod-security.kubernetes.io/{mode}"
        found["metadata"]["labels"] |= {
            prefix: level,
            f"{prefix}-version": f"v{plan.settings.kubernetes.version}",
        }
    return found


def _admission(plan: Plan) -> dict[str, str]:
    """The levels. "baseline" forbids host ports, and there is none between it and "privileged"."""
    if plan.settings.kubernetes.has_host_ports:
        return _ADMISSION | {"enforce": "privileged"}
    return _ADMISSION


def default_deny(plan: Plan) -> Object:
    """Without a policy of its own a pod is not reached and reaches nobody."""
    return names.object_(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "default-deny",
        plan,
        names.common(plan),
        spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    )
