"""Containerfiles and how they are built."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mailstack.daemons import debian, registry
from mailstack.daemons.postgrey import control as postgrey
from mailstack.daemons.unbound import control as unbound
from mailstack.deploy import places
from mailstack.deploy.images.bases import ALPINE, BASES, DEBIAN, Base
from mailstack.deploy.images.build import Build, find_builder
from mailstack.deploy.images.containerfile import accounts, containerfile
from mailstack.errors import ConfigError, MissingProgram, ServiceFailed
from mailstack.topology.model import Service
from mailstack.topology.stack import STACK

SERVICES = pytest.mark.parametrize("service", STACK.services, ids=lambda s: s.name)
INSTRUCTIONS = {"ARG", "FROM", "RUN", "COPY", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "CMD", "LABEL"}
EVERY_BASE = pytest.mark.parametrize("base", BASES.values(), ids=lambda b: b.name)


@SERVICES
@EVERY_BASE
def test_every_service_has_a_containerfile(service: Service, base: Base) -> None:
    """It runs the agent of that service, under its account, on the pinned base."""
    text = containerfile(service, base)
    assert text.endswith(f'CMD ["mailstack", "run", "{service.name}"]\n')
    assert f"ARG BASE={base.image}\n" in text
    assert not base.image.endswith((":latest", ":edge"))
    assert ("\nUSER " in text) is bool(service.uid)
    assert f"MAILSTACK_STATE={places.STATE}" in text


@SERVICES
def test_every_base_knows_what_a_service_needs(service: Service) -> None:
    """A service that has packages on one base has packages on the other."""
    assert (service.name in DEBIAN.packages) is (service.name in ALPINE.packages)


@SERVICES
def test_debians_packages_are_those_of_the_daemon(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a machine installs is in the image, too."""
    monkeypatch.setattr(debian, "release", lambda: 13)
    needed = set(registry.daemon(service.name).packages) - set(DEBIAN.python)
    assert needed <= set(DEBIAN.packages.get(service.name, ()))


@SERVICES
@EVERY_BASE
def test_a_containerfile_is_made_of_what_builders_know(service: Service, base: Base) -> None:
    """Line by line: a known instruction or the rest of one, and nothing that was left unfilled."""
    going = False
    for line in containerfile(service, base).splitlines():
        if not going and line and not line.startswith("#"):
            assert line.split()[0] in INSTRUCTIONS, line
        going = line.endswith("\\")
        assert not re.search(r"\s$|[{](?!BASE[}])\w*[}]|  +&&  ", line), line
    assert not going


@SERVICES
def test_what_an_agent_calls_is_in_every_image(service: Service) -> None:
    """Debian has setpriv and prlimit in every system; Alpine in packages of their own."""
    installed = containerfile(service, ALPINE).split("\nFROM ")[2].split()
    assert "setpriv" in installed
    if service.name in {"managesieve", "spamkeeper"}:
        assert "util-linux-misc" in installed


@SERVICES
def test_what_lies_elsewhere_is_linked(service: Service) -> None:
    """Where Debian's packages have it; a package that has it no more fails the build."""
    for link, target in ALPINE.links.get(service.name, {}).items():
        text = containerfile(service, ALPINE)
        assert f"test -f {target} && mkdir -p {Path(link).parent} && ln -s {target} {link}" in text
        assert text.index("apk add --no-cache python3 ca-cert") < text.index(f"ln -s {target}")


def test_every_file_of_a_package_is_known_to_the_table() -> None:
    """What a daemon reads of its package is where every base has it, by itself or by a link."""
    read = {
        "resolver": [unbound.ROOT_KEY],
        "postgrey": list(postgrey.PACKAGED),
    }
    for service, files in read.items():
        assert {str(file) for file in files} == set(ALPINE.links[service])


def test_opendkim_of_alpine_needs_no_modules() -> None:
    """It was built without Lua; a module would pull in an interpreter that nobody runs."""
    assert ALPINE.packages["opendkim"] == ("opendkim",)


@EVERY_BASE
def test_the_libraries_are_installed_once(base: Base) -> None:
    """Every file begins with the same stage, so that a builder's cache has it after the first."""
    stages = {containerfile(s, base).split("\nFROM ")[1] for s in STACK.services}
    assert len(stages) == 1


def test_no_compiler_is_in_an_image() -> None:
    """Libraries come as wheels; nothing is compiled in a build, and nothing can be afterwards."""
    for service in STACK.services:
        for base in BASES.values():
            text = containerfile(service, base)
            assert "--only-binary :all:" in text
            assert not {"gcc", "build-base", "build-essential", "make"} & set(text.split())


def test_accounts_keep_their_numbers() -> None:
    """A volume's files belong to the same account whatever image wrote them."""
    assert accounts(STACK.service("opendkim")) == {"opendkim": STACK.service("opendkim").uid}
    assert accounts(STACK.service("couchmail")) == {}
    assert accounts(STACK.service("postfix")) == {}


def test_the_command_line_of_a_build(tmp_path: Path) -> None:
    """A list of arguments; what is not asked for is not there."""
    plain = Build("docker", DEBIAN, "").argv("i:1", tmp_path)
    assert plain == (
        "docker", "build", "--file", f"{tmp_path}/Containerfile", "--tag", "i:1", str(tmp_path),
    )  # fmt: skip
    asked = Build("podman", DEBIAN, "mine@sha256:0", "host").argv("i:1", tmp_path)
    assert tuple(asked[6:8]) == ("--network", "host")
    assert "BASE=mine@sha256:0" in asked
    assert "--layers" in asked


def test_a_builder_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear line: what is missing, and how to get it."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingProgram, match=r"no podman or buildah or docker .*apt-get install"):
        find_builder()
    with pytest.raises(MissingProgram, match=r"no buildah is installed.*install buildah runc$"):
        find_builder("buildah")
    with pytest.raises(ConfigError, match="'ls' is no builder of images; one of podman, buildah"):
        find_builder("ls")


def test_a_build_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The builder's own last words, on one line; and the build saw no more than it needs."""
    seen: list[str] = []

    def refuse(argv: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        seen.extend(sorted(path.name for path in Path(argv[-1]).iterdir()))
        return subprocess.CompletedProcess(
            argv, 1, "STEP 1\nE: no such package\nError: status 100\n"
        )

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(ServiceFailed, match=r"postgrey was not built: E: no such .* status 100"):
        Build("podman", DEBIAN, "").run(STACK.service("postgrey"), "i:1")
    assert seen == ["Containerfile", "requirements", "src"]
