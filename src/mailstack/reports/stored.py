"""The file in which a kind of report is kept: JSON, replaced whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from mailstack.aio.files import replace_text

FILE: Final = "kept.json"
MAX_SENT: Final = 500
"""Of what was sent, the newest are kept."""
T = TypeVar("T")


def load(folder: Path, empty: Callable[[], T], parse: Callable[[Any], T]) -> T:
    """Read the file; ``empty`` where there is none.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not what was saved.
    """
    try:
        found = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return empty()
    try:
        return parse(found)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / FILE} is not what was written: {error!r}") from error


def save(folder: Path, document: object) -> None:
    """Write the file, so that it is there after a power cut."""
    text = json.dumps(document, separators=(",", ":"))
    replace_text(folder / FILE, text, mode=0o600, durable=True)
