"""Files that appear whole or not at all.

Everything here is small and local (a configuration, a key), so it runs on the event loop: a
rename takes microseconds, and a thread would cost more than it saves.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

READABLE = 0o644
"""Daemons under accounts of their own read what root renders; secrets are never rendered."""


def replace_text(
    path: Path,
    text: str,
    *,
    mode: int = READABLE,
    owner: int = -1,
    group: int = -1,
    durable: bool = False,
) -> None:
    """Write ``text`` so that a reader of ``path`` sees the old content or the new, never a part.

    The file has its mode and owner before it has its name. ``durable``: the text is on disk before
    the name is, so that the file is never empty after a power cut.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), owner, group)
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_tree(folder: Path, files: Mapping[str, str]) -> None:
    """Write ``files`` (relative path → text) below ``folder``, which nobody reads yet.

    Raises:
        ValueError: a path would leave the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / _inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(READABLE)


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} is not a path inside a folder")
    return path


def holds(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether ``folder`` has each of ``files`` with exactly that text."""
    try:
        return all(
            (folder / name).read_text(encoding="utf-8") == text for name, text in files.items()
        )
    except (OSError, UnicodeDecodeError):
        return False


def point_link(link: Path, target: str) -> None:
    """Make ``link`` a symbolic link to ``target``, in one step: it never misses."""
    temporary = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    temporary.symlink_to(target)
    temporary.replace(link)
