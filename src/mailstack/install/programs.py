"""Which programs and packages the stack needs and does not find."""

import shutil
import subprocess
from collections.abc import Collection, Container, Iterable
from typing import Final

from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.daemons.contract import Daemon
from mailstack.errors import MissingProgram

_FORMAT: Final = "${Package} ${db:Status-Status}\\n"
"""One line a package (dpkg-query(1))."""
_TIMEOUT_S: Final = 30.0


def missing_packages(daemons: Iterable[Daemon]) -> list[str]:
    """Return the Debian packages that are wanting, each once.

    All of a daemon that lacks a program. Of one that is there, and that Debian brought, those that
    it needs beside its programs (modules of Perl and Lua). What the owner built is his own affair.
    """
    wanted = list(daemons)
    there = installed({package for daemon in wanted for package in daemon.packages})
    found = (package for daemon in wanted for package in _missing(daemon, there))
    return list(dict.fromkeys(found))


def _missing(daemon: Daemon, there: Container[str]) -> Iterable[str]:
    if any(not is_found(program) for program in daemon.programs):
        return daemon.packages
    if any(package in there for package in daemon.packages):
        return [package for package in daemon.packages if package not in there]
    return ()


def installed(packages: Collection[str]) -> frozenset[str]:
    """Return which of ``packages`` Debian has installed; none on another system."""
    if not packages or not is_found("dpkg-query"):
        return frozenset()
    answer = subprocess.run(
        ["dpkg-query", "--show", "--showformat", _FORMAT, *packages],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,  # 1: it does not know one of them
        env=MINIMAL_ENVIRONMENT,
    )
    lines = (line.split() for line in answer.stdout.splitlines())
    return frozenset(words[0] for words in lines if words[1:] == ["installed"])


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
