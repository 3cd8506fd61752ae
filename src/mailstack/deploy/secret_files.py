"""The files of a deployment's secrets: which there must be, and how an engine gets them.

``mailstack secrets`` makes what is missing in ``DIR/secrets``; the files are never read here, and
never written a second time.
"""

from pathlib import Path

from mailstack.aio.files import replace_text
from mailstack.deploy.kubernetes import names
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object, documents
from mailstack.errors import ConfigError
from mailstack.topology.model import Secret, Service

FOLDER = "secrets"
COMMAND = "mailstack secrets"
_KINDS = {"tls": "kubernetes.io/tls"}
"""Secrets that others make too: cert-manager can renew this one."""
IGNORE = "# Keys do not belong into a repository.\n*\n"


def wanted(plan: Plan) -> list[Secret]:
    """Secrets that some service of the plan reads; optional ones where the settings need them."""
    return [
        secret
        for secret in plan.topology.secrets
        if any(secret in of_service(plan, service) for service in plan.topology.services)
    ]


def of_service(plan: Plan, service: Service) -> list[Secret]:
    """Likewise, of one service."""
    found = map(plan.topology.secret, service.secrets)
    return [one for one in found if not one.optional or plan.settings.dns.update_server]


def check(folder: Path, plan: Plan) -> None:
    """Refuse a folder in which one is missing.

    Raises:
        ConfigError: names the file, and how to make it.
    """
    for secret in wanted(plan):
        for _, path in secret.files:
            if not (folder / path).is_file():
                raise ConfigError(
                    f"the secret {secret.name!r} is missing",
                    file=folder / path,
                    advice=secret.optional
                    or f"make it with 'mailstack secrets --out {folder.parent}'",
                )


def kustomization(plan: Plan) -> str:
    """``secrets/kustomization.yaml``: turns the files into Secrets when they are applied."""
    found: Object = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "generatorOptions": {"disableNameSuffixHash": True},
        "secretGenerator": [_generator(secret) for secret in wanted(plan)],
    }
    return documents("mailstack render kubernetes", [found])


def _generator(secret: Secret) -> Object:
    files = [path if key == path else f"{key}={path}" for key, path in secret.files]
    found: Object = {"name": names.secret(secret.name), "files": files}
    return found | ({"type": _KINDS[secret.name]} if secret.name in _KINDS else {})


def adopt(source: Path, folder: Path, plan: Plan) -> None:
    """Copy what ``source`` has and ``folder`` has not: the same keys on another engine.

    Raises:
        ConfigError: there is nothing to copy.
    """
    paths = [path for secret in wanted(plan) for _, path in secret.files]
    if not any((source / path).is_file() for path in paths):
        raise ConfigError("holds no secrets of a stack", file=source)
    for path in paths:
        target = folder / path
        if (source / path).is_file() and not target.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_text(target, (source / path).read_text("ascii"), mode=0o600, durable=True)


def open_to_containers(folder: Path, plan: Plan) -> None:
    """Let the accounts of containers read what is mounted into them, and nobody on this machine.

    A compose file mounts single files as they are: owner and mode cannot be told. So the folder is
    closed to all but its owner, and the files in it are open.
    """
    folder.chmod(0o700)
    for secret in wanted(plan):
        for _, path in secret.files:
            (folder / path).parent.chmod(0o700 if (folder / path).parent == folder else 0o755)
            (folder / path).chmod(0o444)
