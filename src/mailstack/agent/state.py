"""The state folder: made, checked, and laid out before anything starts.

Daemons run under accounts of their own and get its path in their configurations, so it must be a
place that others can reach and a name that Postfix and Dovecot can hold.
"""

import errno
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mailstack.agent import ledger
from mailstack.errors import ConfigError, ServiceFailed

_SUN_PATH: Final = 107
"""Octets in the address of a unix socket (unix(7): 108 with the closing zero)."""
_LONGEST_SOCKET: Final = "/run/dovecot/token-login/imap-urlauth"
"""The longest of all that daemons make below the state folder."""
MAX_OCTETS: Final = _SUN_PATH - len(_LONGEST_SOCKET)
_HARMLESS: Final = re.compile(r"/[A-Za-z0-9._/+@=-]*", re.ASCII)
"""What needs no quoting anywhere: main.cf splits at blanks and commas, and expands dollars."""

OPEN: Final = 0o755
CLOSED: Final = 0o750
_LAYOUT: Final = {"conf": OPEN, "data": OPEN, "run": OPEN, "overrides": OPEN, "log": CLOSED}


def supervisor_lock(state: Path) -> Path:
    """Return the file whose lock says that a supervisor runs in ``state``."""
    return state / "run" / "supervisor.lock"


def service_lock(state: Path, service: str) -> Path:
    """Return the file whose lock says that ``service`` is run there by itself."""
    return state / "run" / f"{service}.lock"


def check_root() -> None:
    """Raise unless root: masters of Postfix and Dovecot start as root and drop it themselves."""
    if os.geteuid() != 0:
        raise ServiceFailed("the stack must be started by root", advice="use sudo")


def lay_out(state: Path, services: Iterable[str]) -> None:
    """Make the folders that every service has; leaves alone what is in them.

    Raises:
        ConfigError: the place cannot be used; says why.
    """
    check(state)
    folders = {state: OPEN, ledger.folder(state): OPEN}
    folders |= {state / name: mode for name, mode in _LAYOUT.items()}
    folders |= {state / "overrides" / name: OPEN for name in services}
    for folder, mode in folders.items():
        _make(folder, mode, state)
    check_reachable(state)


def check(state: Path) -> None:
    """Refuse a place that could not be used; makes nothing.

    Raises:
        ConfigError: says why, and what to do.
    """
    check_name(state)
    there = next(folder for folder in (state, *state.parents) if folder.exists())
    if not there.is_dir():
        raise _unusable(state, there, os.strerror(errno.ENOTDIR))
    if not os.access(there, os.W_OK | os.X_OK):
        raise _unusable(state, there, "it cannot be written to")
    check_reachable(state)


def check_name(state: Path) -> None:
    """Refuse a path that is too long for sockets, or would need quoting."""
    octets = len(os.fsencode(state))
    if octets > MAX_OCTETS:
        raise ConfigError(
            f"the state folder {state} has a name of {octets} octets, and sockets below it allow "
            f"{MAX_OCTETS} at most",
            advice="choose a shorter one with --state",
        )
    if not _HARMLESS.fullmatch(str(state)):
        raise ConfigError(
            f"the state folder {str(state)!r} has characters that configurations cannot hold",
            advice="choose one of letters, digits and ._/+@=- with --state",
        )


def check_reachable(state: Path) -> None:
    """Refuse a place that accounts other than root cannot pass into; what is missing is no harm."""
    for folder in state.parents:
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            raise ConfigError(
                f"{folder} is closed to other accounts, and the daemons run under their own",
                advice=f"choose another place with --state, or open it: chmod o+x {folder}",
            )


def _make(folder: Path, mode: int, state: Path) -> None:
    """In a container the state folder and what is mounted into it are there, and not ours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid() and not _is_read_only(folder):
            folder.chmod(mode)
    except OSError as error:
        raise _unusable(state, folder, error.strerror or str(error)) from error


def _is_read_only(folder: Path) -> bool:
    """Whether it is mounted so, as overrides are in a container."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _unusable(state: Path, folder: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the state folder {state} cannot be used: {folder}: {why}",
        advice="choose another place with --state",
    )
