"""Build images with whatever builder the machine has: podman, buildah or docker."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mailstack
from mailstack.deploy.images.bases import Base
from mailstack.deploy.images.containerfile import containerfile
from mailstack.errors import ConfigError, MailstackError, MissingProgram, ServiceFailed
from mailstack.topology.model import Service

BUILDERS: Final = {
    "podman": "podman runc",
    "buildah": "buildah runc",
    "docker": "docker.io",
}
"""In the order of preference, with the Debian packages that bring them."""

TIMEOUT_S: Final = 1800.0
"""For one image, its downloads included."""

SOURCES: Final = ("requirements/service.txt", "src/mailstack")
"""What a build reads of the project, and all that it is given."""


@dataclass(frozen=True, slots=True)
class Built:
    """One image that is there now."""

    service: str
    image: str


def find_builder(wanted: str = "") -> str:
    """Return the name of a builder that is installed.

    Raises:
        ConfigError: the wanted one is none that we know how to call.
        MissingProgram: the wanted one is not installed, or none is.
    """
    if wanted and wanted not in BUILDERS:
        raise ConfigError(
            f"{wanted!r} is no builder of images", advice=f"one of {', '.join(BUILDERS)}"
        )
    names = (wanted,) if wanted else tuple(BUILDERS)
    for name in names:
        if shutil.which(name):
            return name
    raise MissingProgram(
        f"no {' or '.join(names)} is installed to build images with",
        advice=f"apt-get install {BUILDERS[names[0]]}",
    )


@dataclass(frozen=True, slots=True)
class Build:
    """How to build: with what, on what, under which names."""

    builder: str
    base: Base
    base_image: str
    """Instead of the one that the base names; empty: that one."""
    network: str = ""
    """``host`` where the builder's own network reaches no registry."""

    def run(self, service: Service, image: str) -> Built:
        """Build one image.

        Raises:
            ServiceFailed: the builder refused; its last words are in the text.
        """
        with tempfile.TemporaryDirectory(prefix="mailstack-image-") as name:
            folder = Path(name)
            (folder / "Containerfile").write_text(containerfile(service, self.base))
            _copy_sources(folder)
            self._build(service, image, folder)
        return Built(service.name, image)

    def argv(self, image: str, folder: Path) -> Sequence[str]:
        """The builder's command line; the builders agree on all of these options."""
        options = ["--file", str(folder / "Containerfile"), "--tag", image]
        if self.network:
            options += ["--network", self.network]
        if self.base_image:
            options += ["--build-arg", f"BASE={self.base_image}"]
        if self.builder in ("podman", "buildah"):
            # Stages stay in the cache, so the libraries are installed once for all services.
            options.append("--layers")
        return (self.builder, "build", *options, str(folder))

    def _build(self, service: Service, image: str, folder: Path) -> None:
        try:
            done = subprocess.run(
                self.argv(image, folder),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_S,
                check=False,
                text=True,
            )
        except subprocess.TimeoutExpired:
            raise ServiceFailed(f"the image of {service.name} took over {TIMEOUT_S:g} s") from None
        if done.returncode != 0:
            raise ServiceFailed(f"the image of {service.name} was not built: {_last(done.stdout)}")


def _last(output: str) -> str:
    """The builder's last words that say something, on one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("E:", "Error", "ERROR"))]
    return " | ".join((told or lines or ["it said nothing"])[-2:])[:500]


def _copy_sources(folder: Path) -> None:
    root = project_root()
    for name in SOURCES:
        source, target = root / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)


def project_root() -> Path:
    """The checkout that this program runs from.

    Raises:
        MailstackError: it was installed in some other way, without what a build needs.
    """
    root = Path(mailstack.__file__).parents[2]
    if not (root / SOURCES[0]).is_file():
        raise MailstackError(
            f"images are built from a checkout, and {root} is none",
            advice=f"run the launcher of a checkout, not {sys.argv[0]}",
        )
    return root
