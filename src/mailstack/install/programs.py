"""Which programs the stack needs and does not find."""

import shutil
from collections.abc import Iterable

from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.daemons.contract import Daemon
from mailstack.errors import MissingProgram


def missing_packages(daemons: Iterable[Daemon]) -> list[str]:
    """Return the Debian packages of every daemon that lacks a program, each once."""
    lacking = (d for d in daemons if any(not is_found(p) for p in d.programs))
    return list(dict.fromkeys(package for daemon in lacking for package in daemon.packages))


def is_found(program: str) -> bool:
    return shutil.which(program, path=MINIMAL_ENVIRONMENT["PATH"]) is not None


def check(daemons: Iterable[Daemon]) -> None:
    """Look for every program.

    Raises:
        MissingProgram: one is not installed; names the packages and the command.
    """
    packages = missing_packages(daemons)
    if packages:
        raise refusal(packages, "missing programs")


def refusal(packages: Iterable[str], why: str) -> MissingProgram:
    names = " ".join(packages)
    return MissingProgram(
        f"{why}: packages {names}",
        advice=f"install them with: apt-get install --no-install-recommends {names}",
    )
