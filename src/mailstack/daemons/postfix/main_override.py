"""An owner's ``main.cf`` merged into ours, parameter by parameter, as ``postconf -e`` does.

The value replaces ours whole; ``$name`` in it is left to Postfix; "name =" sets it empty; of two
lines for one parameter the last counts. No program runs and no shell reads it.
"""

from pathlib import Path

from mailstack.daemons.postfix.logical_lines import Logical, Override, logical_lines, replace
from mailstack.errors import ConfigError

NAME = "main.cf"


def merge(base: str, text: str, folder: Path) -> str:
    """Merge ``text``, the owner's file, into our rendering; ``folder`` is named in errors.

    Raises:
        ConfigError: a line is not "name = value"; names file and line.
    """
    file = folder / NAME
    overrides = {
        _name(line, file): Override(line.text, NAME, line.number)
        for line in logical_lines(text, file)
    }
    return replace(base, overrides, parameter)


def pair(line: str) -> tuple[str, str]:
    """Split "name = value"; a value of several lines keeps its line breaks."""
    name, _, value = line.partition("=")
    return name.strip(), value.strip()


def parameter(line: str) -> str:
    """Return the name in "name = value"."""
    return pair(line)[0]


def _name(line: Logical, file: Path) -> str:
    name = parameter(line.text)
    if "=" not in line.text or not name or len(name.split()) != 1:
        raise ConfigError(
            f"{line.text.splitlines()[0]!r} sets no parameter",
            file=file,
            line=line.number,
            advice='write "name = value"',
        )
    return name
