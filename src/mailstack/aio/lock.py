"""One holder at a time, across processes: flock(2) on a file that says who holds it.

The kernel drops the lock when its holder dies, however it dies, so no stale lock exists.
"""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


class Locked(Exception):
    """Somebody else holds the lock. ``holder`` is its pid, or 0 when it cannot be told."""

    def __init__(self, holder: int) -> None:
        super().__init__(f"held by process {holder}")
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held until ``release`` or the end of the process."""

    descriptor: int

    def release(self) -> None:
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def take(path: Path) -> Lock:
    """Take the lock on ``path`` at once.

    Raises:
        Locked: it is held.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Locked(holder(path)) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return Lock(descriptor)


def holder(path: Path) -> int:
    """Return the pid that ``path`` names, or 0; it may be gone by now."""
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return 0


def is_held(path: Path) -> bool:
    """Whether anybody holds the lock on ``path``."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
