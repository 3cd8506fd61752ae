"""The command line of ``images build``, by a docker that tells how it was called."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mailstack.cli.__main__ import run
from mailstack.deploy.images.bases import ALPINE
from mailstack.deploy.images.containerfile import containerfile
from mailstack.topology.stack import STACK

FAKE = Path(__file__).with_name("fake_docker.py")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the only program there is; what it was told stands in ``told.json``."""
    program = tmp_path / "docker"
    program.write_text(f"#!{sys.executable}\n{FAKE.read_text()}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def told(docker: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((docker / "told.json").read_text())
    return found


def test_docker_understands_what_it_is_told(
    docker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every option there is, in the form that docker has it; the context is what a build needs."""
    options = ("--base", "alpine", "--base-image", "mirror.example/alpine@sha256:0")
    names = ("--prefix", "registry.example/mail", "--tag", "7", "--network", "host")
    assert run(["images", "build", "resolver", *options, *names]) == 0
    found = told(docker)
    *start, context = found["argv"]
    assert start == [
        *("build", "--file", f"{context}/Containerfile"),
        *("--tag", "registry.example/mail/resolver:7", "--network", "host"),
        *("--build-arg", "BASE=mirror.example/alpine@sha256:0"),
    ]
    assert found["containerfile"] == containerfile(STACK.service("resolver"), ALPINE)
    assert found["context"] == ["Containerfile", "requirements", "src"]
    assert not Path(context).exists()
    assert capsys.readouterr().out.endswith("resolver: registry.example/mail/resolver:7\n")


def test_docker_is_taken_where_it_is_the_only_builder(docker: Path) -> None:
    """Nothing that was not asked for is on its command line."""
    assert run(["images", "build", "resolver", "--tag", "7"]) == 0
    assert len(told(docker)["argv"]) == len(("build", "--file", "f", "--tag", "t", "context"))


@pytest.mark.parametrize(
    ("builder", "line"),
    [
        ("buildah", "no buildah is installed to build images with; apt-get install buildah runc"),
        ("kaniko", "'kaniko' is no builder of images; one of podman, buildah, docker"),
    ],
)
@pytest.mark.usefixtures("docker")
def test_a_builder_that_is_not_there_is_one_line(
    builder: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing, and what to do; no image was begun."""
    assert run(["images", "build", "--builder", builder]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"mailstack: {line}\n")
