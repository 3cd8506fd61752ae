"""Which small internet is free: one lock for each slot, held as long as anything uses it.

A lock is an abstract name for a unix socket (unix(7)). Only one process can bind it, and the kernel
lets go of it when the last holder of the descriptor is gone, however it died. Such names belong to
the network, as the addresses do that they guard: a lock file would not be seen by a demonstration
that runs in a chroot on the same network. So a slot whose lock can be taken is unused, and whatever
is left there belongs to nobody.
"""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from mailstack.demo.addresses import SLOTS, Plan
from mailstack.errors import ServiceFailed

NAMES: Final = "mailstack-outside-"


@contextmanager
def taken(clean: Callable[[Plan], None], *, names: str = NAMES) -> Iterator[tuple[Plan, int]]:
    """Hold a free slot, and yield it with its lock's descriptor, which a child may inherit.

    ``clean`` is called for every slot that is free, this one included, to remove what dead runs
    left behind.

    Raises:
        ServiceFailed: every slot is in use.
    """
    free: tuple[Plan, socket.socket] | None = None
    for slot in range(SLOTS):
        lock = _lock(address(slot, names))
        if lock is None:
            continue
        clean(Plan(slot))
        if free is None:
            free = Plan(slot), lock
        else:
            lock.close()
    if free is None:
        raise ServiceFailed(f"all {SLOTS} small internets are in use", advice="stop a demo")
    plan, held = free
    with held:
        yield plan, held.fileno()


def address(slot: int, names: str = NAMES) -> str:
    """Return the address of a slot's lock; the octet 0 in front makes it abstract."""
    return f"\0{names}{slot}"


def _lock(name: str) -> socket.socket | None:
    """Bind ``name``; None when another process has it."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(name)
        lock.listen()
    except OSError as error:
        lock.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return lock
