"""One pass over reports at a time, behind mail, and with limits: strangers wrote what it reads."""

import os
import resource
import time
from pathlib import Path
from typing import Final

from mailstack.aio import lock
from mailstack.errors import ServiceFailed

_NICENESS: Final = 10
_CPU_S: Final = 600
_LOCK_S: Final = 120.0
"""For another pass to end."""


def limit(memory: int) -> None:
    """Take limits. ``memory``: octets of address space, most of which is never touched."""
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))


def hold(path: Path) -> lock.Lock:
    """Wait for another pass, which may wait for Postfix, and take its place.

    Raises:
        ServiceFailed: it does not end.
    """
    deadline = time.monotonic() + _LOCK_S
    while True:
        try:
            return lock.take(path)
        except lock.Locked as error:
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    "another pass over the reports does not end", advice="try again later"
                ) from error
            time.sleep(0.1)
