"""Podman with a store and settings of the tests' own: nothing of the machine's containers is seen.

The store is kept between runs, so that what did not change is not built again. Networks, running
containers and volumes belong to one run.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.daemons.debian13 import cache

_HOSTS_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_CA_INSIDE = "/run/host-ca.crt"
_PIP_CONF = f"[global]\ncert = {_CA_INSIDE}\n"
"""What the machine trusts, the build trusts: there may be a proxy that signs for others."""

_ENGINE = """\
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
# Not in the memory that podman shares with every other store of the machine.
lock_type = "file"
tmp_dir = "{run}/engine"
[containers]
# Podman asks for more than a machine that is a container itself may give.
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
volumes = [{volumes}]
[network]
network_backend = "netavark"
network_config_dir = "{store}/networks"
"""
_STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{store}/layers"\nrunroot = "{run}/layers"\n'
_RUN = Path("/run/mailstack-tests")


@dataclass(frozen=True, slots=True)
class Podman:
    """One way to call it: ``environment`` names its settings."""

    environment: Mapping[str, str]

    @classmethod
    def to_run(cls) -> "Podman":
        return cls(_environment("run", ()))

    @classmethod
    def to_build(cls) -> "Podman":
        """With what the build's downloads need; what is built holds nothing of it."""
        if not _HOSTS_CA.exists():
            return cls(_environment("build", ()))
        pip = store() / "pip.conf"
        pip.write_text(_PIP_CONF)
        mounts = (f"{_HOSTS_CA}:{_CA_INSIDE}:ro", f"{pip}:/etc/pip.conf:ro")
        return cls(_environment("build", mounts))

    def run(
        self, *arguments: str, stdin: str = "", timeout_s: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run one command, whatever comes of it."""
        return call(["podman", *arguments], self.environment, stdin=stdin, timeout_s=timeout_s)

    def do(self, *arguments: str, stdin: str = "", timeout_s: float = 60.0) -> str:
        """Run one command that must work; return what it printed."""
        done = self.run(*arguments, stdin=stdin, timeout_s=timeout_s)
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done.stdout

    def has_image(self, name: str) -> bool:
        return self.run("image", "exists", name).returncode == 0


def call(
    argv: Sequence[str], environment: Mapping[str, str], *, stdin: str = "", timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a command with these variables besides ours."""
    return subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, **environment},
    )


def store() -> Path:
    """Return the folder that is kept between runs."""
    folder = cache() / "containers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _environment(name: str, volumes: Sequence[str]) -> dict[str, str]:
    engine, storage = store() / f"{name}.conf", store() / "storage.conf"
    mounts = ", ".join(f'"{volume}"' for volume in volumes)
    engine.write_text(_ENGINE.format(store=store(), run=_RUN, volumes=mounts))
    storage.write_text(_STORAGE.format(store=store(), run=_RUN))
    return {"CONTAINERS_CONF": str(engine), "CONTAINERS_STORAGE_CONF": str(storage)}
