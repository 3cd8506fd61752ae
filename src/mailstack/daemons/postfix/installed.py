"""Questions to the installed Postfix that need no configuration."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.errors import MissingProgram

TLSRPT: Final = "tlsrpt"
_LIBRARY: Final = b"libtlsrpt.so"


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


def features() -> frozenset[str]:
    """Return ``TLSRPT`` if Postfix was built with the library that tells how TLS went.

    Postfix says so nowhere before it fails to (postconf -T knows nothing of it). The library's name
    stands in the files that need it.
    """
    shared = Path(default("shlib_directory"))  # "no", if everything is in the programs
    files = [Path(program("smtp")), *sorted(shared.glob("libpostfix-tls.so*"))]
    linked = any(_LIBRARY in file.read_bytes() for file in files if file.is_file())
    return frozenset({TLSRPT}) if linked else frozenset()


@cache
def program(name: str) -> str:
    """Return the path of one of Postfix's daemons."""
    return str(Path(default("daemon_directory")) / name)


def programs() -> frozenset[str]:
    """Return the names of Postfix's daemons."""
    return frozenset(path.name for path in Path(default("daemon_directory")).iterdir())
