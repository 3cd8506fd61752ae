"""``mailstack render``, ``secrets`` and ``topology``: from settings to files and tables."""

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mailstack.cli.invocation import Invocation
from mailstack.errors import MailstackError

if TYPE_CHECKING:
    from mailstack.deploy.plan import Plan

# What is imported inside functions is slow, and each command needs a part of it.
# ruff: noqa: PLC0415


def kubernetes(invocation: Invocation, out: Path) -> None:
    """Write the kustomize folder.

    Raises:
        MailstackError: settings that contradict themselves, a missing secret, a folder in use.
    """
    from mailstack.deploy.kubernetes.render import SECRETS, render
    from mailstack.deploy.secret_files import IGNORE, kustomization

    made = _plan(invocation)
    files = render(made, override_files(made, out))
    ensure_secrets(made, out)
    secrets = {
        f"{SECRETS}/kustomization.yaml": kustomization(made),
        f"{SECRETS}/.gitignore": IGNORE,
    }
    _write(out, files | secrets, made.warnings())


def compose(invocation: Invocation, out: Path) -> None:
    """Write the compose file, with the settings and secrets that it mounts.

    Raises:
        MailstackError: as ``kubernetes``.
    """
    from mailstack.deploy.compose import render
    from mailstack.deploy.secret_files import FOLDER, IGNORE, open_to_containers

    made = replace(_plan(invocation), writes_secrets=False)
    files = render(made)
    ensure_secrets(made, out)
    open_to_containers(out / FOLDER, made)
    _write(out, files | {f"{FOLDER}/.gitignore": IGNORE}, made.warnings())


def cluster(invocation: Invocation, out: Path) -> None:
    """Write scripts and Terraform that make a cluster of one node.

    Raises:
        MailstackError: region or zone is not set.
    """
    from mailstack.deploy.cluster import render

    _write(out, render(_plan(invocation)), ())


def secrets(invocation: Invocation, out: Path, source: Path | None) -> None:
    """Make what is missing in ``out``/secrets; say what was made and what is there.

    Raises:
        MailstackError: one cannot be made.
    """
    from mailstack.deploy import secret_files

    made = _plan(invocation)
    paths = [path for one in secret_files.wanted(made) for _, path in one.files]
    before = {path for path in paths if (out / secret_files.FOLDER / path).is_file()}
    if source is not None:
        secret_files.adopt(source, out / secret_files.FOLDER, made)
    ensure_secrets(made, out)
    for path in paths:
        sys.stdout.write(f"{'kept' if path in before else 'made'}  {path}\n")


def ensure_secrets(plan: "Plan", out: Path) -> None:
    """Make the secrets that ``out`` lacks.

    Raises:
        MailstackError: one is not there even so, as half a pair is the owner's to complete.
    """
    from mailstack.agent.secrets import make_missing
    from mailstack.deploy import secret_files

    folder = out / secret_files.FOLDER
    try:
        asyncio.run(make_missing(folder, plan.settings))
        folder.chmod(0o700)
    except OSError as error:
        raise MailstackError(f"{folder} cannot be written: {error.strerror}") from error
    secret_files.check(folder, plan)


def override_files(plan: "Plan", out: Path) -> Mapping[str, Sequence[str]]:
    """Service → the owner's files for it in ``out``/overrides.

    Raises:
        ConfigError: a folder there is named after no service.
    """
    from mailstack.deploy.kubernetes.render import OVERRIDES
    from mailstack.errors import ConfigError

    names = [service.name for service in plan.whole.services]
    found: dict[str, Sequence[str]] = {}
    for folder in sorted((out / OVERRIDES).glob("*/")):
        if folder.name not in names:
            raise ConfigError(
                "there is no such service", file=folder, advice=f"one of {', '.join(names)}"
            )
        files = (path for path in folder.iterdir() if not path.name.startswith("."))
        found[folder.name] = sorted(path.name for path in files)
    return found


def _plan(invocation: Invocation) -> "Plan":
    from mailstack.deploy.plan import Plan
    from mailstack.topology.stack import STACK

    return Plan(STACK, invocation.settings)


def _write(out: Path, files: Mapping[str, str], warnings: Iterable[str]) -> None:
    from mailstack.deploy import tree

    outcome = tree.write(out, files)
    for name in outcome.written:
        sys.stdout.write(f"wrote    {out / name}\n")
    for name in outcome.removed:
        sys.stdout.write(f"removed  {out / name}\n")
    if outcome.unchanged:
        sys.stdout.write(f"{outcome.unchanged} files are as they were\n")
    for warning in warnings:
        sys.stderr.write(f"mailstack: note: {warning}\n")
