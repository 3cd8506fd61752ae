"""The images under test: built from this checkout on a base made here, once for each change.

The base is Debian's, put together by mmdebstrap from the mirror that apt uses, under the name that
the Containerfiles ask for; so no registry of images is needed.
"""

import fcntl
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.containers.podman import Podman, call, store
from tests.daemons.debian13 import REPOSITORY, mirror

from mailstack.deploy.images.bases import DEBIAN
from mailstack.deploy.images.build import SOURCES
from mailstack.deploy.images.containerfile import containerfile
from mailstack.topology.stack import STACK

PREFIX = "localhost/mailstack"
_SUITE = "trixie"
_BASE_S, BUILD_S = 300.0, 900.0


def built() -> str:
    """Build what is missing; return the tag of all images of the sources as they are."""
    podman, tag = Podman.to_build(), _digest()
    with locked():
        if not podman.has_image(DEBIAN.image):
            _make_base(podman)
        if not all(podman.has_image(f"{PREFIX}/{one.name}:{tag}") for one in STACK.services):
            _forget_outdated(podman, tag)
            _build(podman, tag)
    return tag


def sizes(podman: Podman, tag: str) -> Iterator[str]:
    """Yield a line for each image: the service and its size."""
    listed = podman.do("images", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}")
    for line in sorted(listed.splitlines()):
        if line.startswith(PREFIX) and f":{tag} " in line:
            yield line.removeprefix(f"{PREFIX}/").replace(f":{tag} ", ": ")


def _digest() -> str:
    """Sum up all that a build reads."""
    found = hashlib.sha256()
    for service in STACK.services:
        found.update(containerfile(service, DEBIAN).encode())
    for file in sorted(file for name in SOURCES for file in _files(REPOSITORY / name)):
        found.update(f"{file.relative_to(REPOSITORY)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:12]


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found = (file for file in source.rglob("*") if file.is_file())
    return [file for file in found if "__pycache__" not in file.parts]


def _make_base(podman: Podman) -> None:
    archive = store() / "base.tar"
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--include=ca-certificates"]
    made = call([*command, _SUITE, str(archive), mirror()], {}, timeout_s=_BASE_S)
    assert made.returncode == 0, made.stderr[-4000:]
    podman.do("import", str(archive), DEBIAN.image, timeout_s=_BASE_S)
    archive.unlink()


def _build(podman: Podman, tag: str) -> None:
    """As a person does it, by the command line."""
    command = [sys.executable, "-m", "mailstack.cli", "images", "build"]
    options = ["--builder", "podman", "--network", "host", "--prefix", PREFIX, "--tag", tag]
    done = call([*command, *options], podman.environment, timeout_s=BUILD_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def _forget_outdated(podman: Podman, tag: str) -> None:
    """Keep the layers of the last build, which this one starts from, and nothing older."""
    listed = podman.do("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    old = [name for name in listed if name.startswith(PREFIX) and not name.endswith(f":{tag}")]
    if old:
        podman.run("rmi", "--force", "--no-prune", *old, timeout_s=BUILD_S)
    podman.run("image", "prune", "--force", "--filter", "until=24h", timeout_s=BUILD_S)


@contextmanager
def locked() -> Iterator[None]:
    with (store() / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
