"""Giving up root."""

import os
import subprocess
import sys

import pytest

from mailstack.aio import privileges

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
