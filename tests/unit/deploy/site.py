"""Example installations, as plans and as objects."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from mailstack.deploy.kubernetes.render import render
from mailstack.deploy.plan import Plan
from mailstack.settings_file import check
from mailstack.topology.stack import STACK

Object = dict[str, Any]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same, and ten times as fast where libyaml is there."""
WHOLE: dict[str, object] = {"acme": {"enabled": True}}
"""Settings with which everything that is declared runs."""
SITES: dict[str, dict[str, object]] = {
    "small": {},
    "micro": {"kubernetes": {"profile": "micro"}, "acme": {"enabled": True}},
    "everything": {
        "kubernetes": {
            "profile": "standard",
            "replicas": ["postfix=2", "spamd=3"],
            "storage_class": "fast",
            "external_addresses": ["192.0.2.1"],
            "service": "ClusterIP",
            "service_annotations": ["example.com/pool=mail"],
            "priority_class": "important",
            "client_address": "proxy",
            "dns_networks": ["169.254.20.10/32"],
            "monitoring_namespace": "monitoring",
            "api_networks": ["172.16.0.0/28"],
            "events": True,
        },
        "acme": {"enabled": True},
        "dns": {"update_server": "192.0.2.53@53"},
        "listen": {"proxy_networks": ["10.9.0.0/24"]},
    },
}
"""As an owner finds it, the least, and with all that settings add to the manifests."""


def plan(**tables: object) -> Plan:
    """A plan; ``kubernetes={"profile": "micro"}`` sets what is not the default."""
    return Plan(STACK, check({"domain": "example.org", "email": "owner@example.net", **tables}))


def objects(**tables: object) -> list[Object]:
    """Every object that would be applied, but Secrets. They are read, and not changed."""
    return [*_objects(json.dumps(tables))]


@cache
def _objects(tables: str) -> tuple[Object, ...]:
    return tuple(parsed(render(plan(**json.loads(tables)))))


def parsed(files: dict[str, str]) -> Iterator[Object]:
    for name, text in files.items():
        if name != "kustomization.yaml":
            yield from yaml.load_all(text, Loader=_LOADER)


def of_kind(kind: str, found: list[Object]) -> dict[str, Object]:
    """Name → object."""
    return {one["metadata"]["name"]: one for one in found if one["kind"] == kind}


def pod_specs(found: list[Object]) -> dict[str, Object]:
    """Name of each workload → its pods' spec."""
    kinds = ("Deployment", "StatefulSet")
    specs = {
        name: one["spec"]["template"]["spec"]
        for kind in kinds
        for name, one in of_kind(kind, found).items()
    }
    for name, job in of_kind("CronJob", found).items():
        specs[name] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return specs


def residents(spec: Object) -> list[Object]:
    """Containers that stay: sidecars, which stand among those that prepare, and the others."""
    sidecars = [c for c in spec.get("initContainers", []) if c.get("restartPolicy") == "Always"]
    return [*spec["containers"], *sidecars]


def templates(found: list[Object]) -> dict[str, Object]:
    """Name of each workload → its pods' template."""
    kinds = ("Deployment", "StatefulSet")
    made = {
        name: one["spec"]["template"]
        for kind in kinds
        for name, one in of_kind(kind, found).items()
    }
    for name, job in of_kind("CronJob", found).items():
        made[name] = job["spec"]["jobTemplate"]["spec"]["template"]
    return made
