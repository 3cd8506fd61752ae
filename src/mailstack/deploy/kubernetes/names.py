"""What every object has: kind, name, namespace, labels."""

from collections.abc import Mapping
from typing import Any, Final

from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object

NAME: Final = "app.kubernetes.io/name"
INSTANCE: Final = "app.kubernetes.io/instance"
PART_OF: Final = "app.kubernetes.io/part-of"
SETTINGS: Final = "mailstack-settings"
"""The ConfigMap of the settings file."""


def object_(
    api: str,
    kind: str,
    name: str,
    plan: Plan,
    labels: Mapping[str, str],
    **fields: Any,  # noqa: ANN401 - whatever YAML holds
) -> Object:
    """Put an object together; ``fields`` are its top-level ones, in their order."""
    about = {"name": name, "namespace": plan.name, "labels": dict(labels)}
    return {"apiVersion": api, "kind": kind, "metadata": about, **fields}


def labels(plan: Plan, pod: str) -> dict[str, str]:
    """By which Services, policies and people find the pods called ``pod``."""
    return {NAME: pod, INSTANCE: plan.name, PART_OF: "mailstack"}


def common(plan: Plan) -> dict[str, str]:
    """What belongs to the whole installation."""
    return {INSTANCE: plan.name, PART_OF: "mailstack"}


def selector(plan: Plan, pod: str) -> Object:
    """Match the pods called ``pod``, and no others."""
    return {"matchLabels": labels(plan, pod)}


def overrides(service: str) -> str:
    """Name the ConfigMap that an owner may make for ``service``."""
    return f"{service}-overrides"


def headless(pod: str) -> str:
    """Name the Service that gives each pod of a StatefulSet a name in DNS, and no address."""
    return f"{pod}-pods"


def secret(name: str) -> str:
    """Name the Secret that holds the secret called ``name``."""
    return f"mailstack-{name}"
