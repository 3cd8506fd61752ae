"""The folder for ``kubectl apply -k``: one file for each pod, whole with all that belongs to it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mailstack.deploy.kubernetes import (
    access,
    config,
    jobs,
    names,
    namespace,
    policies,
    services,
    workloads,
)
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object, documents

COMMAND: Final = "mailstack render kubernetes"
SECRETS: Final = "secrets"
"""Folder that ``mailstack secrets`` makes; it is never written here."""
OVERRIDES: Final = "overrides"
"""Folder where an owner may put lines for the daemons, as in the state folder of one machine."""


def render(plan: Plan, overrides: Mapping[str, Sequence[str]] | None = None) -> dict[str, str]:
    """File → text. ``overrides``: service → names of the owner's files for it.

    Raises:
        ConfigError: the settings contradict themselves.
    """
    plan.check()
    files = {
        "namespace.yaml": [namespace.namespace(plan), namespace.default_deny(plan)],
        "settings.yaml": [config.settings_map(plan)],
        **{f"{pod}.yaml": list(of_pod(plan, pod)) for pod in plan.pods},
        **{f"{job.name}.yaml": list(jobs.job(plan, job)) for job in plan.topology.jobs},
    }
    written = {name: documents(COMMAND, objects) for name, objects in files.items()}
    kustomization = _kustomization(plan, list(files), overrides or {})
    return {"kustomization.yaml": documents(COMMAND, [kustomization]), **written}


def of_pod(plan: Plan, pod: str) -> Iterator[Object]:
    """Yield every object that exists because of ``pod``."""
    yield workloads.account(plan, pod)
    yield from access.access(plan, pod)
    yield from services.services(plan, pod)
    yield workloads.workload(plan, pod)
    yield workloads.disruption_budget(plan, pod)
    yield policies.policy(plan, pod)


def _kustomization(plan: Plan, files: list[str], overrides: Mapping[str, Sequence[str]]) -> Object:
    found: Object = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": plan.name,
        "resources": [*files, SECRETS],
    }
    maps = [_override_map(service, paths) for service, paths in overrides.items() if paths]
    if maps:
        # Without a hash in the name: pods follow the map, and need not be replaced.
        found |= {
            "generatorOptions": {"disableNameSuffixHash": True},
            "configMapGenerator": maps,
        }
    return found


def _override_map(service: str, files: Sequence[str]) -> Object:
    paths = [f"{OVERRIDES}/{service}/{file}" for file in files]
    return {"name": names.overrides(service), "files": paths}
