"""Read what the owner put into a service's override folder.

A file that no pattern of the daemon package expects is refused, not ignored: a misspelt name must
not look like a setting in force. Editors' droppings and dot files are passed over.
"""

import difflib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from mailstack.daemons.contract import Overrides
from mailstack.errors import ConfigError

MAX_FILE_OCTETS: Final = 1024**2
"""A Kubernetes ConfigMap holds no more, so no override can."""
_IGNORED: Final = (".*", "*~", "*.swp", "*.swx", "#*#", "4913")
"""Dot files (Kubernetes' ``..data`` too) and what vi and Emacs leave while writing."""


def read(folder: Path, patterns: Sequence[str]) -> Overrides:
    """Return file name → text for each override, in the order of the names.

    Raises:
        ConfigError: a file is not expected here, too large, not text, or unreadable.
    """
    return {path.name: _text(path, patterns) for path in _files(folder)}


def _files(folder: Path) -> Iterable[Path]:
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=folder) from error
    return [path for path in found if not any(fnmatchcase(path.name, p) for p in _IGNORED)]


def _text(path: Path, patterns: Sequence[str]) -> str:
    if not any(fnmatchcase(path.name, pattern) for pattern in patterns):
        raise ConfigError(
            "not a file that can be overridden",
            file=path,
            advice=_what_to_write(path.name, patterns),
        )
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_OCTETS + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error
    if len(data) > MAX_FILE_OCTETS:
        raise ConfigError(f"larger than {MAX_FILE_OCTETS} octets", file=path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text", file=path, line=line) from error


def _what_to_write(name: str, patterns: Sequence[str]) -> str:
    """Advise the file that was probably meant, and all that may be there."""
    if not patterns:
        return "this service has nothing to override that is not a setting"
    near = difflib.get_close_matches(name, patterns, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}This service takes {', '.join(patterns)}"
