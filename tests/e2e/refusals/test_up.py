"""What ``mailstack up`` refuses, through the real command line: one line, and nothing is made."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstack.agent.state import MAX_OCTETS
from mailstack.topology.addresses import max_offset
from mailstack.topology.stack import STACK

if os.geteuid() != 0:
    pytest.skip("the stack is started by root", allow_module_level=True)

NOBODY = 65_534
OFFSET = max_offset(STACK) - 100
"""Where nothing of the tests listens."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that daemons' accounts could enter, with a settings file."""
    with tempfile.TemporaryDirectory(prefix="ms-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "mailstack.toml").write_text('domain = "example.org"\nemail = "o@example.org"\n')
        yield folder


def mailstack(
    place: Path, *arguments: str, state: str = "", uid: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command line in ``place``, as an account."""
    return subprocess.run(
        [
            *(sys.executable, "-P", "-m", "mailstack.cli", *arguments),
            *("--config", str(place / "mailstack.toml"), "--state", state or str(place / "var")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=place,
        user=uid,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def refused(place: Path, *arguments: str, state: str = "", uid: int = 0) -> str:
    """Run ``up``, which must be refused with one line and leave ``place`` as it was."""
    before = sorted(place.rglob("*"))
    finished = mailstack(place, "up", "--detach", *arguments, state=state, uid=uid)
    assert finished.returncode == 1, finished
    assert finished.stdout == ""
    assert finished.stderr.count("\n") == 1, finished.stderr
    assert sorted(place.rglob("*")) == before
    return finished.stderr


def test_unknown_setting(place: Path) -> None:
    """In the file or by ``--set``: named with its place, and the nearest name."""
    assert "did you mean 'greylist.delay'?" in refused(place, "--set", "greylist.dealy=3")
    (place / "mailstack.toml").write_text('domain = "a.example"\nemial = "o@a.example"\n')
    assert "emial" in refused(place) or "'email' is missing" in refused(place)


def test_taken_port(place: Path) -> None:
    """The program that listens there is named, with its number."""
    number = STACK.service("couchmail").port("domains").number + OFFSET
    with socket.create_server(("127.0.0.1", number)):
        said = refused(place, "--set", f"listen.port_offset={OFFSET}")
    assert f"port {number} (couchmail.domains) is taken by " in said
    assert f"(process {os.getpid()})" in said


def test_unwritable_state(place: Path) -> None:
    """A place where no folder can be made is told before anything else happens."""
    assert "/proc/nothing/here cannot be used" in refused(place, state="/proc/nothing/here")
    (place / "file").write_text("")
    assert "Not a directory" in refused(place, state=str(place / "file" / "var"))


def test_state_below_a_closed_folder(place: Path) -> None:
    """The daemons run under accounts of their own, so they must reach it."""
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    assert f"chmod o+x {closed}" in refused(place, state=str(closed / "var"))


@pytest.mark.parametrize("command", [("up",), ("status",), ("down",), ("user", "list")])
def test_too_long_for_sockets(place: Path, command: tuple[str, ...]) -> None:
    """Every command that would use a socket says how long the name may be."""
    state = str(place / ("a" * 108))
    finished = mailstack(place, *command, state=state)
    assert finished.returncode == 1
    assert f"sockets below it allow {MAX_OCTETS} at most" in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert not Path(state).exists()


def test_not_root(place: Path) -> None:
    """Masters of daemons start as root."""
    if not os.access(sys.executable, os.X_OK) or "/root/" in sys.executable:
        pytest.skip("this interpreter cannot be run by others")
    place.chmod(0o777)
    assert "must be started by root; use sudo" in refused(place, uid=NOBODY)
