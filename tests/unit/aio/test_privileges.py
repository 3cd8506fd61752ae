"""Giving up root."""

import contextlib
import os
import select
import subprocess
import sys

import pytest

from mailstack.aio import privileges
from mailstack.aio.process import as_account

PROGRAM = """
import os
from mailstack.aio.privileges import drop
drop(5001, 5002, (5003,))
print(os.getresuid(), os.getresgid(), os.getgroups())
try:
    os.setuid(0)
except PermissionError:
    print("no way back")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give root up")
def test_root_is_given_up_for_good() -> None:
    """All user and group ids change, other groups go, and there is no way back."""
    argv = [sys.executable, "-c", PROGRAM]
    found = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    ids = "(5001, 5001, 5001) (5002, 5002, 5002) [5003]"
    assert found.stdout.splitlines() == [ids, "no way back"]


def test_root_may_stay_root() -> None:
    """Account 0 means no change; so does not being root."""
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    privileges.drop(0, 0)
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""
DROPPED = """
import time
from mailstack.aio.privileges import drop
drop(5001, 5001)
print(flush=True)
time.sleep(600)
"""
STARTED = "print(flush=True); import time; time.sleep(600)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give root up")
@pytest.mark.parametrize(
    "argv",
    [
        [sys.executable, "-c", DROPPED],
        as_account(["/usr/bin/python3", "-c", STARTED], 65_534, 65_534, ()),
    ],
    ids=["gives root up itself", "is started as another account"],
)
def test_a_program_ends_with_its_parent(argv: list[str]) -> None:
    """Whoever is killed takes the programs along that it started, whatever account they have."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *argv], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        watched = os.pidfd_open(child)
        parent.kill()
    with contextlib.closing(select.epoll()) as ending:
        ending.register(watched, select.EPOLLIN)
        assert ending.poll(timeout=10)
    os.close(watched)
