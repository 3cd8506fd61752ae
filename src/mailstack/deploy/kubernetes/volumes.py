"""What is mounted into a container, and what a pod claims for it.

The image's root is read-only. A container writes to three places: its state folder, which is
scratch; ``/tmp``; and its volume, where the declaration has one. Settings, overrides and secrets
are mounted as folders, so that the kubelet exchanges them whole and the agent sees it.
"""

from typing import Final

from mailstack.deploy import places
from mailstack.deploy.kubernetes import names
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object
from mailstack.topology.model import Secret, Service, Volume

_SCRATCH: Final = "1Gi"
"""Of a state folder without its volume: sockets, configurations, and messages that the filter holds
(some of the largest size at once)."""
_TMP: Final = "512Mi"
"""Of an import that is read twice, above all; nothing stays there."""
_ROOT_READS, _GROUP_READS, _ALL_READ = 0o400, 0o440, 0o444


def settings() -> Object:
    """The pod's volume of the settings file."""
    return {"name": "settings", "configMap": {"name": names.SETTINGS}}


def settings_mount() -> Object:
    return {"name": "settings", "mountPath": str(places.SETTINGS), "readOnly": True}


def of_service(plan: Plan, service: Service) -> list[Object]:
    """The pod's volumes for the container of ``service``, but claims."""
    found: list[Object] = [
        *scratch(service),
        {
            "name": f"{service.name}-overrides",
            "configMap": {"name": names.overrides(service.name), "optional": True},
        },
    ]
    if service.secrets:
        found.append(secrets(plan, service, service.name))
    return found


def scratch(service: Service) -> list[Object]:
    """Two folders of its own; who works on another's data has that one's state folder."""
    state = {"name": f"{service.name}-state", "emptyDir": {"sizeLimit": _SCRATCH}}
    tmp = {"name": f"{service.name}-tmp", "emptyDir": {"sizeLimit": _TMP}}
    return [tmp] if service.also else [state, tmp]


def scratch_mounts(service: Service) -> list[Object]:
    state = f"{service.also or service.name}-state"
    return [
        {"name": state, "mountPath": str(places.STATE)},
        {"name": f"{service.name}-tmp", "mountPath": "/tmp"},  # noqa: S108 - of the container alone
    ]


def mounts(service: Service) -> list[Object]:
    """Where they are in the container; a folder stands before what is mounted into it."""
    name = service.name
    owners = data_of(service)
    return [
        settings_mount(),
        *scratch_mounts(service),
        *({"name": f"{owner}-data", "mountPath": places.data(owner)} for owner in owners),
        {"name": f"{name}-overrides", "mountPath": places.overrides(name), "readOnly": True},
        *([secrets_mount(name)] if service.secrets else []),
    ]


def data_of(service: Service) -> list[str]:
    """Return whose volumes it works on: its own, another's."""
    own = [service.name] if service.volumes else []
    return [*own, service.also] if service.also else own


def secrets(plan: Plan, service: Service, name: str) -> Object:
    """One folder of the files that ``service`` reads, out of as many Secrets.

    Who exchanges one through the API has it here as well, to see that somebody else did.
    """
    names_of = dict.fromkeys((*service.secrets, *service.writes))
    sources = [{"secret": _source(one)} for one in map(plan.topology.secret, names_of)]
    mode = _mode(plan, service)
    return {"name": f"{name}-secrets", "projected": {"defaultMode": mode, "sources": sources}}


def _source(secret: Secret) -> Object:
    items = [{"key": key, "path": path} for key, path in secret.files]
    found: Object = {"name": names.secret(secret.name), "items": items}
    return found | ({"optional": True} if secret.optional else {})


def secrets_mount(name: str) -> Object:
    return {"name": f"{name}-secrets", "mountPath": str(places.SECURE), "readOnly": True}


def _mode(plan: Plan, service: Service) -> int:
    """Who reads secrets: root; the pod's group; or, in a pod of root's, who is in the container.

    Postfix's pod has no group for its volumes: Kubernetes would give the queue's files to that
    group and change their modes, by which Postfix tells what is complete.
    """
    if not service.uid:
        return _ROOT_READS
    main = plan.topology.service(plan.topology.pod_of(service.name))
    return _GROUP_READS if main.uid else _ALL_READ


def needs_owner(plan: Plan, service: Service) -> bool:
    """Whether nobody gives the account its volume: the pod is root's, and has no group for it."""
    main = plan.topology.service(plan.topology.pod_of(service.name))
    return bool(service.volumes and service.uid and not main.uid)


def quantity(mebibytes: int) -> str:
    """Spell it as the API server does, so that applying it again changes nothing."""
    whole, rest = divmod(mebibytes, 1024)
    return f"{mebibytes}Mi" if rest else f"{whole}Gi"


def claim_spec(plan: Plan, volumes: tuple[Volume, ...]) -> Object:
    """One claim for all volumes of a service."""
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": quantity(sum(v.megabytes for v in volumes))}},
    }
    storage_class = plan.settings.kubernetes.storage_class
    return {"storageClassName": storage_class, **spec} if storage_class else spec
