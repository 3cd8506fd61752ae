"""What /proc says."""

import os
import time

from mailstack.aio import proc
from mailstack.aio.proc import Entry


def test_this_process() -> None:
    """A process knows its parent, its session, and roughly when it started."""
    found = proc.entry(os.getpid())
    assert found is not None
    assert (found.parent, found.session) == (os.getppid(), os.getsid(0))
    assert found.alive
    assert 0 <= time.time() - proc.started_at(found.started) < 3600
    assert proc.memory(os.getpid()).pss_kib > 1000
    assert proc.name(os.getpid())


def test_nobody() -> None:
    """What is gone is simply not there."""
    gone = 2**22 + 1  # above the largest pid_max of a 64-bit kernel
    assert proc.entry(gone) is None
    assert proc.memory(gone) == proc.Memory()
    assert proc.name(gone) == ""


def test_tree_follows_sessions_and_descent() -> None:
    """A service is its sessions and every descendant, also one that left its session; no corpse."""
    entries = [
        Entry(10, 1, 10, 100, "S"),
        Entry(11, 10, 10, 101, "S"),
        Entry(12, 11, 12, 102, "S"),  # left the session, still a descendant
        Entry(13, 1, 10, 103, "S"),  # an orphan of the session
        Entry(14, 10, 10, 104, "Z"),
        Entry(20, 1, 20, 100, "S"),
    ]
    among = {found.pid: found for found in entries}
    assert sorted(found.pid for found in proc.tree([10], among)) == [10, 11, 12, 13]


def test_memory_adds_up() -> None:
    """The memory of several is the sum of each."""
    assert proc.Memory(1, 2) + proc.Memory(10, 20) == proc.Memory(11, 22)
