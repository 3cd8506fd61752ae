"""The line grammar that main.cf and master.cf share, and replacing one line of it by another.

postconf(5), master(5): a logical line starts with text, and a line that starts with white space
continues it; comment and blank lines are skipped, also between a line and its continuation.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mailstack.daemons.marks import mark
from mailstack.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Logical:
    """One logical line: its text with continuation lines, and where it started (from 1)."""

    text: str
    number: int


def logical_lines(text: str, file: Path) -> Iterator[Logical]:
    """Split ``text``; ``file`` is named in errors.

    Raises:
        ConfigError: the first line with text is a continuation of nothing.
    """
    parts: list[str] = []
    start = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.rstrip()
        if not line or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            _continues(parts, file, number)
        elif parts:
            yield Logical("\n".join(parts), start)
            parts.clear()
        start = start if parts else number
        parts.append(line)
    if parts:
        yield Logical("\n".join(parts), start)


def _continues(parts: list[str], file: Path, number: int) -> None:
    if not parts:
        raise ConfigError(
            "this line starts with a space, but there is nothing that it continues",
            file=file,
            line=number,
            advice="remove the space in front",
        )


@dataclass(frozen=True, slots=True)
class Override:
    """The new text of one logical line, and which line of the owner's file asks for it."""

    text: str
    file: str
    number: int

    def __str__(self) -> str:
        return f"{mark('postfix', self.file, self.number)}\n{self.text}"


def replace(base: str, overrides: Mapping[str, Override], key: Callable[[str], str]) -> str:
    """Put each override in the place of the logical line with its key; new ones go to the end.

    ``base`` is a rendering of ours, in which nothing stands between a line and its continuation.
    """
    lines: list[str] = []
    waiting = dict(overrides)
    replacing = False
    for line in base.splitlines():
        if line and not line[0].isspace():
            name = "" if line.startswith("#") else key(line)
            replacing = name in overrides
            if name in waiting:
                lines.append(str(waiting.pop(name)))
        elif not line:
            replacing = False
        if not replacing:
            lines.append(line)
    added = ["", "### Added by overrides", "", *map(str, waiting.values())] if waiting else []
    return "\n".join([*lines, *added, ""])
