"""Which small internet is free: one lock file a slot, held as long as anything uses it.

The lock is flock(2): the kernel lets go of it when the last process that holds the descriptor is
gone, however it died. So a slot whose lock can be taken is unused, and whatever network is left
there belongs to nobody.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mailstack.demo.addresses import SLOTS, Plan
from mailstack.errors import ServiceFailed

LOCKS = Path("/run/mailstack-outside")


@contextmanager
def taken(clean: Callable[[Plan], None], *, locks: Path = LOCKS) -> Iterator[tuple[Plan, int]]:
    """Hold a free slot, and yield it with its lock's descriptor, which a child may inherit.

    ``clean`` is called for every slot that is free, this one included, to remove what dead runs
    left behind.

    Raises:
        ServiceFailed: every slot is in use.
    """
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    free: tuple[Plan, int] | None = None
    for slot in range(SLOTS):
        lock = _lock(locks / str(slot))
        if lock is None:
            continue
        clean(Plan(slot))
        if free is None:
            free = Plan(slot), lock
        else:
            os.close(lock)
    if free is None:
        raise ServiceFailed(f"all {SLOTS} small internets are in use", advice="stop a demo")
    try:
        yield free
    finally:
        os.close(free[1])


def _lock(path: Path) -> int | None:
    """Open and lock ``path``; None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
