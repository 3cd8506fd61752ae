"""Comments in a rendered file that say which line of an owner's override stands below.

So that a daemon's complaint about line 83 of what we rendered becomes one about line 2 of what the
owner wrote.
"""

_START = "# overrides/"


def mark(service: str, file: str, number: int) -> str:
    """Write the comment for line ``number`` (from 1) of the override ``file`` of ``service``."""
    return f"{_START}{service}/{file}:{number}"


def origin(rendered: str, number: int) -> tuple[str, int] | None:
    """Which override (file name, line) stands at line ``number`` of a rendered file, if any.

    A line that starts with white space belongs to the one above it.
    """
    lines = rendered.splitlines()[:number]
    while lines and lines[-1][:1].isspace():
        lines.pop()
    above = lines[-2] if len(lines) > 1 else ""
    if not above.startswith(_START):
        return None
    path, _, at = above.removeprefix(_START).rpartition(":")
    return path.partition("/")[2], int(at)
