"""Installing packages, with an apt-get that only writes down how it was called."""

import os
from pathlib import Path

import pytest

from mailstack.errors import MissingProgram
from mailstack.install import debian

APT = """#!/bin/sh
echo "$* $DEBIAN_FRONTEND policy=$(test -x {policy} && cat {policy} | tail -n 1)" >> {log}
echo "Get:1 mirror bookworm/main amd64 postfix amd64 3.7 [1 kB]"
echo "Setting up postfix (3.7.11-0+deb12u1) ..."
case "$*" in *broken*) echo "E: Unable to locate package broken" >&2; exit 100;; esac
"""
ANSWER = """#!/bin/sh
cat >> {log}
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose tools write down what they were asked; nothing is installed."""
    policy, written = tmp_path / "policy-rc.d", tmp_path / "log"
    for name, text in {"apt-get": APT, "debconf-set-selections": ANSWER}.items():
        (tmp_path / name).write_text(text.format(log=written, policy=policy))
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setattr(debian, "_APT_ENVIRONMENT", {**debian._APT_ENVIRONMENT, "PATH": path})
    monkeypatch.setattr(debian, "POLICY", policy)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return written


def test_installs_without_questions_and_without_starting(log: Path) -> None:
    """Postfix is answered beforehand, no service may start meanwhile, and no trace stays."""
    steps: list[str] = []
    debian.install(["postfix", "unbound"], steps.append)
    answers, update, install = log.read_text().splitlines()
    assert answers == "postfix postfix/main_mailer_type select No configuration"
    assert "update noninteractive policy=exit 101" in update
    assert "install --yes --no-install-recommends postfix unbound" in install
    assert install.endswith("policy=exit 101")
    assert not debian.POLICY.exists()
    assert steps[-2:] == ["fetching postfix", "setting up postfix"]


def test_the_owners_policy_stays(log: Path) -> None:
    """A machine that has a policy-rc.d keeps its own."""
    debian.POLICY.write_text("#!/bin/sh\nexit 0\n")
    debian.install(["unbound"], lambda _: None)
    assert log.read_text().count("\n") == 2
    assert debian.POLICY.read_text() == "#!/bin/sh\nexit 0\n"


def test_failure_is_one_line(log: Path) -> None:
    """apt-get's own reason is told, with what to run by hand; the policy goes all the same."""
    with pytest.raises(
        MissingProgram,
        match=r"apt-get install failed \(Unable to locate package broken\): packages broken; "
        "install them with: apt-get install",
    ):
        debian.install(["broken"], lambda _: None)
    assert log.exists()
    assert not debian.POLICY.exists()


def test_not_root(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else can install anything, and nothing is tried."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingProgram, match="only root can install what is missing"):
        debian.install(["postfix"], lambda _: None)
    assert not log.exists()


def test_not_debian(log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Elsewhere the packages are named, and nothing is tried."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(MissingProgram, match="this is not Debian"):
        debian.install(["postfix"], lambda _: None)
    assert not log.exists()
