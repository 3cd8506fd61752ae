"""Images by another builder: what buildah makes is the image that podman makes.

Docker's command line is tested in tests/unit/deploy, by a docker that builds nothing.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.containers.images import BUILD_S, PREFIX, built, locked
from tests.containers.podman import Podman, call

from mailstack import __version__

pytestmark = pytest.mark.timeout(1800)

SERVICE = "resolver"


@pytest.fixture
def by_buildah() -> Iterator[str]:
    """The name of an image that buildah has built, by the command line, in podman's store."""
    podman, tag = Podman.to_build(), f"{built()}-buildah"
    command = [sys.executable, "-m", "mailstack.cli", "images", "build", SERVICE]
    options = ["--builder", "buildah", "--network", "host", "--prefix", PREFIX, "--tag", tag]
    image = f"{PREFIX}/{SERVICE}:{tag}"
    with locked():
        done = call([*command, *options], podman.environment, timeout_s=BUILD_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    try:
        yield image
    finally:
        podman.run("rmi", "--no-prune", image)


def test_buildah_makes_the_same_image(by_buildah: str) -> None:
    """The same command, account, environment and labels; and what is in it runs."""
    podman = Podman.to_run()
    assert _config(podman, by_buildah) == _config(podman, by_buildah.removesuffix("-buildah"))
    there = podman.do("run", "--rm", "--network", "none", by_buildah, "mailstack", "--version")
    assert __version__ in there


def _config(podman: Podman, image: str) -> dict[str, Any]:
    """Return what an image says of itself, but for who built it."""
    config: dict[str, Any] = json.loads(podman.do("image", "inspect", image))[0]["Config"]
    labels = {k: v for k, v in config["Labels"].items() if not k.startswith("io.buildah")}
    return {**config, "Labels": labels}
