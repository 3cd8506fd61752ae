"""The life of a project: rendered by the command line, brought up by podman-compose, removed."""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.containers.images import PREFIX
from tests.containers.leftovers import forget
from tests.containers.podman import call
from tests.containers.project import Project
from tests.e2e.stack import SETTINGS as ONE_MACHINE

from mailstack.demo.internet import SmallInternet
from mailstack.demo.throwaway import OWNER, Throwaway

SETTINGS = {
    **ONE_MACHINE,
    "smtp.dnsbl_sites": "[]",
    "kubernetes.images": PREFIX,
}
POSTFIX = "postscreen_greet_wait = 1s\nsmtpd_client_connection_rate_limit = 0\n"
"""As in tests/e2e: what else costs tests seconds each time."""
COMPOSE = str(Path(sys.executable).with_name("podman-compose"))
START_S = 240.0
"""Eleven containers, one by one, on a machine that may be busy; it takes half a minute alone."""
_DEPTH = 5
"""Longest chain of containers that depend on each other."""
_LABEL = "io.podman.compose.project"


@contextmanager
def running(folder: Path, internet: SmallInternet, tag: str) -> Iterator[Project]:
    """Render and run a project in ``folder`` until the end of the block."""
    settings = SETTINGS | {
        "project": f"mailstack-{internet.plan.slot}",
        "kubernetes.tag": tag,
    }
    project = Project(Throwaway.new(folder, internet, settings), itertools.count(1))
    _render(project)
    project.swap_override("postfix", {"main.cf": POSTFIX})
    project.swap_override("postgrey", {"whitelist_clients": f"{internet.plan.friend}\n"})
    _remove(project)
    try:
        _compose(project, "up", "--detach")
        project.wait_until_healthy()
        project.publish(project.throwaway.domain)
        yield project
    finally:
        _remove(project)


def _render(project: Project) -> None:
    throwaway = project.throwaway
    throwaway.cli("init", throwaway.domain, "--email", OWNER)
    throwaway.cli("render", "compose", "--out", str(project.folder))
    # Where a stack without containers has them, and its tests look for them.
    throwaway.state.mkdir()
    (throwaway.state / "secure").symlink_to(project.folder / "secrets")


def _compose(project: Project, *arguments: str) -> None:
    argv = [sys.executable, COMPOSE, "--file", str(project.folder / "compose.yaml"), *arguments]
    done = call(argv, project.podman.environment, timeout_s=START_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def _remove(project: Project) -> None:
    """Remove containers, networks and volumes of this project, left by an earlier run or ours."""
    podman, mine = project.podman, f"label={_LABEL}={project.name}"
    for _ in range(_DEPTH):
        # Those that others depend on are refused, until these are gone.
        if found := podman.do("ps", "--all", "--quiet", "--filter", mine).split():
            podman.run("rm", "--force", "--time", "0", *found, timeout_s=120)
    for kind in ("network", "volume"):
        if found := podman.do(kind, "ls", "--quiet", "--filter", mine).split():
            # What an interrupted run half removed may be listed and gone, or gone and listed.
            podman.run(kind, "rm", "--force", *found, timeout_s=120)
    forget(project.name)
