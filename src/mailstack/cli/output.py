"""What a command prints: a table for a person, columns for a pipe, JSON for a program.

rich draws the table, and is imported only for that: it costs more than the whole command otherwise.
"""

import json
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

_WIDTH: Final = 80


def say(text: str) -> None:
    """Print one line (or several) on standard output."""
    sys.stdout.write(f"{text}\n")


def say_json(value: object) -> None:
    """Print a JSON document, for people to read and programs to parse."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def is_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def say_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their headings; a pipe gets tabs and no headings."""
    if not is_terminal():
        for row in rows:
            say("\t".join(row))
        return
    from rich.console import Console  # noqa: PLC0415 - see the module's docstring
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*head, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def wrapped(text: str, *, indent: int) -> str:
    """Break a text into lines of 80 columns, each ``indent`` deep; no word is cut, to be copied."""
    margin = " " * indent
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def confirm(question: str, *, yes: bool) -> bool:
    """Whether to go on: ``--yes``, or nobody to ask, or the person at the terminal agrees."""
    if yes or not sys.stdin.isatty():
        return True
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
