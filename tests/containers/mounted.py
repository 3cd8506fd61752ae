"""Mounted ConfigMaps and Secrets, exchanged in the way of the kubelet.

Its atomic writer fills a fresh folder and renames the link ``..data`` over the old one; each file
is a link through it (atomic_writer.go of Kubernetes 1.34).
"""

import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path

_NUMBERS = count(1)
_DATA = "..data"


def swap(folder: Path, files: Mapping[str, str]) -> None:
    """Make these files the content of a mounted folder, all at one moment."""
    fresh = folder / f"..{os.getpid()}_{next(_NUMBERS)}"
    fresh.mkdir()
    for name, text in files.items():
        (fresh / name).write_text(text)
        (fresh / name).chmod(0o444)
    _point(folder / _DATA, fresh.name)
    for name in files:
        if not (folder / name).is_symlink():
            _point(folder / name, f"{_DATA}/{name}")
    for path in folder.iterdir():
        if path.is_symlink() and not path.name.startswith("..") and path.name not in files:
            path.unlink()


def content(folder: Path) -> dict[str, str]:
    """Return the files that a container sees there now."""
    found = (path for path in folder.iterdir() if not path.name.startswith("."))
    return {path.name: path.read_text() for path in found if path.is_file()}


def _point(link: Path, target: str) -> None:
    """Have a link lead there, whatever was in its place."""
    fresh = link.with_name("..link_tmp")
    fresh.symlink_to(target)
    fresh.replace(link)
