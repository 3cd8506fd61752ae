"""An owner's ``opendkim.conf`` merged into ours, parameter by parameter.

One "Name value" a line, names in any case (opendkim.conf(5)); the value replaces ours, of two lines
for one name the last counts, and a name of which we say nothing is added.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailstack.daemons.marks import mark
from mailstack.daemons.opendkim.conf import NAME
from mailstack.errors import ConfigError


def merge(base: str, text: str, folder: Path) -> str:
    """Merge ``text``, the owner's file, into our rendering; ``folder`` is named in errors.

    Raises:
        ConfigError: a line has a name and no value.
    """
    overrides = dict(_settings(text, folder / NAME))
    lines = [overrides.pop(_name(line), line) for line in base.splitlines()]
    added = ["", "# Added by overrides.", *overrides.values()] if overrides else []
    return "\n".join([*lines, *added, ""])


OF_ONE_PROCESS: Final = frozenset(
    {"socket", "mode", "signingtable", "keytable", "signaturealgorithm", "pidfile"}
)
"""What the second process has for itself, so that an override of it means the first."""


def for_second(text: str) -> str:
    """Blank the lines that mean the first process alone; the others keep their numbers."""
    return "\n".join(
        "" if _name(line.strip()) in OF_ONE_PROCESS else line for line in text.splitlines()
    )


def _settings(text: str, file: Path) -> Iterator[tuple[str, str]]:
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if len(line.split(None, 1)) == 1:
            raise ConfigError(
                f"{line!r} sets nothing", file=file, line=number, advice='write "Name value"'
            )
        yield _name(line), f"{mark('opendkim', NAME, number)}\n{line}"


def _name(line: str) -> str:
    return line.split(None, 1)[0].lower() if line.strip() and not line.startswith("#") else ""
