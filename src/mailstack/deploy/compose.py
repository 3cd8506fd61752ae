"""``compose.yaml`` for podman and docker: the same containers on one machine.

Compose has no network policies. So each pair of pods that is linked has a network of its own,
without a way out, and only who has a link to or from the internet has another one with it. What
compose cannot do: keep a pair to the declared direction and ports.
"""

from collections.abc import Iterator
from typing import Final

from mailstack.deploy import places
from mailstack.deploy.kubernetes import volumes
from mailstack.deploy.kubernetes.config import settings_text
from mailstack.deploy.kubernetes.containers import POSTFIX_CAPABILITIES
from mailstack.deploy.plan import Plan
from mailstack.deploy.secret_files import FOLDER, of_service
from mailstack.deploy.yaml_text import NOTICE, Object, documents
from mailstack.topology.model import INTERNET, Endpoint, Port, Secret, Service

COMMAND: Final = "mailstack render compose"
SETTINGS: Final = "settings"
"""Folder of the settings file, mounted whole so that a new file is seen."""
OVERRIDES: Final = "overrides"
KEEP: Final = (
    NOTICE.format(command=COMMAND)
    + "# A folder that is mounted has to be there; yours stay in it.\n"
)
_GRACE: Final = {"postfix": "150s", "dovecot": "60s"}
_USUAL_GRACE: Final = "45s"


def render(plan: Plan) -> dict[str, str]:
    """File → text.

    Raises:
        ConfigError: the settings contradict themselves.
    """
    plan.check()
    text = NOTICE.format(command=COMMAND) + settings_text(plan.settings)
    return {
        "compose.yaml": documents(COMMAND, [_file(plan)]),
        f"{SETTINGS}/mailstack.toml": text,
        **{f"{OVERRIDES}/{service.name}/.keep": KEEP for service in plan.topology.services},
    }


def _file(plan: Plan) -> Object:
    services = plan.topology.services
    return {
        "name": plan.name,
        "services": {service.name: _service(plan, service) for service in services},
        "networks": dict(_networks(plan)),
        "volumes": {
            **{f"{service.name}-data": {} for service in services if service.volumes},
            **{f"{name}-state": dict(_SHARED_TMPFS) for name in _shared_states(plan)},
        },
    }


_SHARED_TMPFS: Final = {
    "driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "mode=1777"},
}


def _shared_states(plan: Plan) -> list[str]:
    """Services whose state folder another one of their pod sees, too."""
    return [service.also for service in plan.topology.services if service.also]


def _service(plan: Plan, service: Service) -> Object:
    pod = plan.topology.pod_of(service.name)
    found: Object = {
        "image": plan.image(service.name),
        "container_name": _container(plan, service.name),
        "command": places.command(service.name),
        "environment": dict(places.ENVIRONMENT),
        "user": f"{service.uid}:{service.uid}",
        "read_only": True,
        "cap_drop": ["ALL"],
    }
    if service.name == "postfix":
        found["cap_add"] = sorted(POSTFIX_CAPABILITIES)
    found |= {
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": _tmpfs(plan, service),
        "volumes": [*_volumes(plan, service)],
        "healthcheck": {
            "test": ["CMD", "mailstack", "probe", service.name],
            "interval": "20s",
            "timeout": "10s",
            "start_period": "120s",
        },
        "mem_limit": f"{plan.allowed_mib(service.memory_mib)}m",
        "stop_grace_period": _GRACE.get(pod, _USUAL_GRACE),
        "restart": "unless-stopped",
    }
    if service.also:
        found["pid"] = f"container:{_container(plan, service.also)}"
    return found | (_in_pod_of(pod) if pod != service.name else _own_place(plan, pod))


def _container(plan: Plan, service: str) -> str:
    """Name it ourselves: by a container's name alone both podman and docker share processes."""
    return f"{plan.name}-{service}"


def _in_pod_of(pod: str) -> Object:
    """Share its addresses and ports, as in a pod."""
    needs = {pod: {"condition": "service_started"}}
    return {"network_mode": f"service:{pod}", "depends_on": needs}


def _own_place(plan: Plan, pod: str) -> Object:
    members = plan.topology.in_pod(pod)
    needs = {name for service in members for name in service.after} - {m.name for m in members}
    found: Object = {
        "hostname": pod,
        "networks": [name for name, _ in _networks(plan) if pod in _ends(name)],
    }
    if any(port.inside < _LOWEST_OPEN for s in members if s.uid for port in s.ports):
        found["sysctls"] = {"net.ipv4.ip_unprivileged_port_start": "0"}
    published = [_published(plan, port) for s in members for port in s.ports if port.public]
    if published:
        found["ports"] = published
    if needs:
        # Started, not healthy: each waits by itself for what it needs, and says so.
        found["depends_on"] = {name: {"condition": "service_started"} for name in sorted(needs)}
    return found


_LOWEST_OPEN: Final = 1024


def _published(plan: Plan, port: Port) -> str:
    """Where the machine lets the world in: as ``listen`` says for a stack without containers."""
    listen = plan.settings.listen
    number = port.number + listen.port_offset
    outside = str(number) if listen.address == "all" else str(Endpoint(listen.address, number))
    return f"{outside}:{plan.behind(port).inside}"


def _tmpfs(plan: Plan, service: Service) -> list[str]:
    """Anybody may write to a scratch folder that no other container sees."""
    state, tmp = f"{places.STATE}:mode=1777", "/tmp:mode=1777"  # noqa: S108
    shared = service.also or service.name in _shared_states(plan)
    return [tmp] if shared else [state, tmp]


def _volumes(plan: Plan, service: Service) -> Iterator[str]:
    yield f"./{SETTINGS}:{places.SETTINGS}:ro"
    if service.also or service.name in _shared_states(plan):
        yield f"{service.also or service.name}-state:{places.STATE}"
    for owner in volumes.data_of(service):
        yield f"{owner}-data:{places.data(owner)}"
    for secret in of_service(plan, service):
        yield from (f"./{FOLDER}/{path}:{places.SECURE}/{path}:ro" for path in _mounted(secret))
    yield f"./{OVERRIDES}/{service.name}:{places.overrides(service.name)}:ro"


def _mounted(secret: Secret) -> list[str]:
    """Folders where there are, so that a renewed certificate is seen; else the files."""
    return list(dict.fromkeys(path.partition("/")[0] for _, path in secret.files))


def _networks(plan: Plan) -> Iterator[tuple[str, Object]]:
    """Yield each pair's network once, whichever of the two speaks first; then the ways out."""
    known: set[frozenset[str]] = set()
    jobs = {job.name for job in plan.topology.jobs}
    for source, target, _ in plan.links_between_pods():
        pair = frozenset((source, target))
        if pair not in known and source not in jobs:
            known.add(pair)
            yield f"{source}_{target}", {"internal": True}
    outside = dict.fromkeys(_outside(plan))
    yield from ((f"{pod}_{INTERNET}", {}) for pod in outside)


def _ends(network: str) -> list[str]:
    return network.split("_")


def _outside(plan: Plan) -> Iterator[str]:
    jobs = {job.name for job in plan.topology.jobs}
    for link in plan.topology.links:
        for end, other in ((link.source, link.target), (link.target, link.source)):
            if other == INTERNET and end not in jobs:
                yield plan.topology.pod_of(end)
