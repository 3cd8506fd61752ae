"""The last whole examination, as ``status`` reads it. Imports nothing of the checks."""

import json
from pathlib import Path
from typing import Any


def path(state: Path) -> Path:
    """Where the last whole examination is kept."""
    return state / "run" / "doctor.json"


def kept(state: Path) -> dict[str, Any] | None:
    """Read the last examination; None when there was none, or it cannot be read."""
    try:
        document: dict[str, Any] = json.loads(path(state).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return document
