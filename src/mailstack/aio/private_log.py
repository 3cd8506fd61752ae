"""Become a program that finds a socket of ours at /dev/log: ``FILE SOCKET -- PROGRAM ARGUMENT…``.

For daemons that log by syslog(3) alone. In a mount namespace of its own a small /dev is put over
the machine's, with the few devices a daemon opens and ``log`` as a link to SOCKET; nothing outside
of this process sees it (mount_namespaces(7)). Where that is not permitted, as in most containers,
the program starts all the same and logs where it always did.

Run as a file with ``python -I -S``, so that it starts at once; imports nothing of ours.
"""

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MS_NOSUID, MS_NOEXEC = 0x2, 0x8
"""sched.h and sys/mount.h of Linux."""

_DEVICES = ("null", "zero", "full", "random", "urandom")


def main(arguments: Sequence[str]) -> None:
    """Take SOCKET, ``--``, and what to become."""
    log, dashes, *argv = arguments
    if dashes != "--" or not argv:
        sys.exit("private_log: SOCKET -- PROGRAM [ARGUMENT…]")
    try:
        give_own_log(log)
    except OSError as error:
        sys.stderr.write(
            f"no /dev/log of its own ({error}); its lines go to the machine's syslog\n"
        )
    os.execvp(argv[0], argv)  # noqa: S606 - an argument list, no shell


def give_own_log(log: str) -> None:
    """Put the small /dev over the machine's, for this process alone.

    Raises:
        OSError: not permitted.
    """
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    with _opened(_DEVICES) as devices:
        _mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k")
        for name, opened in devices.items():
            os.close(os.open(f"/dev/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
            _mount(f"/proc/self/fd/{opened}", f"/dev/{name}", None, MS_BIND)
        Path("/dev/log").symlink_to(log)
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            Path(f"/dev/{name}").symlink_to(f"/proc/self/fd/{number}")


@contextmanager
def _opened(names: Sequence[str]) -> Iterator[dict[str, int]]:
    """Hold the devices, which cannot be named any more once something lies over them."""
    found = {name: os.open(f"/dev/{name}", os.O_PATH) for name in names}
    try:
        yield found
    finally:
        for opened in found.values():
            os.close(opened)


_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    words = (source and source.encode(), target.encode(), kind and kind.encode())
    _check(_libc.mount(*words, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])
