"""Adopt and bury: what a process 1 does for the children of children.

A daemon that forks twice leaves its grandchild to the nearest subreaper, or to process 1
(prctl(2), PR_SET_CHILD_SUBREAPER). We become that, so a service's tree stays below us, and bury
what dies there. Our own children are buried by whoever started them, so a corpse counts as
nobody's only when it is still there at the second look.
"""

import os
from typing import Final

from mailstack.aio.clock import Clock

_EVERY_S: Final = 1.0


async def bury_orphans(clock: Clock) -> None:
    """Bury dead adopted children, for as long as the task lives."""
    seen: int | None = None
    while True:
        await clock.sleep(_EVERY_S)
        while (dead := _dead_child()) is not None and dead == seen:
            os.waitpid(dead, os.WNOHANG)  # noqa: ASYNC222 - it is dead already
        seen = dead


def _dead_child() -> int | None:
    """Return the pid of a child that is dead and not buried yet, and leave it so."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid
