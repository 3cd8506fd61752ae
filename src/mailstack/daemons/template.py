"""Fills the text templates from which configurations are rendered.

A place to fill is written ``@{name}``: neither Dovecot, SpamAssassin nor unbound gives that a
meaning, while ``$``, ``%`` and braces stay theirs. A name without a value, or a value without a
place, is a fault of ours and raises at once.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

_PLACE = re.compile(r"@\{([a-z0-9_]+)\}")


def fill(package: str, name: str, values: Mapping[str, str]) -> str:
    """Read ``templates/NAME`` of ``package`` and put ``values`` in their places.

    A value of several lines is indented like its place.
    """
    template = files(package).joinpath("templates", name).read_text("utf-8")
    return "".join(_fill_line(line, values) for line in template.splitlines(keepends=True))


def _fill_line(line: str, values: Mapping[str, str]) -> str:
    indent = line[: len(line) - len(line.lstrip(" "))]
    return _PLACE.sub(lambda match: values[match[1]].replace("\n", f"\n{indent}"), line)
