"""Questions to the installed Postfix that need no configuration."""

import subprocess
from functools import cache
from pathlib import Path

from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.errors import MissingProgram


def default(parameter: str) -> str:
    """Return the built-in value of ``parameter``.

    Raises:
        MissingProgram: there is no postconf(1).
    """
    try:
        finished = subprocess.run(
            ("postconf", "-d", "-h", parameter),
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            env=MINIMAL_ENVIRONMENT,
        )
    except FileNotFoundError:
        raise MissingProgram("postconf is not installed", advice="install postfix") from None
    return finished.stdout.strip()


@cache
def program(name: str) -> str:
    """Return the path of one of Postfix's daemons."""
    return str(Path(default("daemon_directory")) / name)


def programs() -> frozenset[str]:
    """Return the names of Postfix's daemons."""
    return frozenset(path.name for path in Path(default("daemon_directory")).iterdir())
