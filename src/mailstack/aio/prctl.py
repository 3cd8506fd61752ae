"""Wishes of a process to the kernel that Python has no words for. Source: prctl(2), proc(5)."""

import ctypes
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
"""linux/prctl.h"""
_libc: Final = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Have orphaned grandchildren handed to this process.

    Raises:
        OSError: the kernel refused.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with(parent: int) -> None:
    """Get SIGTERM when the process ``parent``, which started this one, ends; at once if it has.

    The kernel forgets this wish when a process changes its account, so it is to be said afterwards.

    Raises:
        OSError: the kernel refused.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def show_command_line(argv: Sequence[str]) -> None:
    """Have ps(1) show ``argv`` as this process's command line, or as much as there is room for.

    The kernel shows the memory that the command line was passed in; whoever writes there changes
    what is shown. The room is that of the command line before.
    """
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    text = b"".join(os.fsencode(word) + b"\0" for word in argv)[: end - start]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")
