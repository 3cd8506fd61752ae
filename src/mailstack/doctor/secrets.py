"""Secrets: can nobody read them but the accounts that must?"""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding

_PUBLIC = {"fullchain.pem"}


async def secrets(context: Context) -> Found:
    """Find files below STATE/secure that their group or everybody may read."""
    if context.pod:
        return [Finding("unknown", "secrets", "not asked: the cluster mounts them, with its modes")]
    open_files = await asyncio.to_thread(lambda: list(_open(context.state / "secure")))
    if not open_files:
        return [Finding("ok", "secrets", "only their own accounts can read them")]
    return [
        Finding(
            "failure",
            "secrets",
            f"{file} has mode {mode:04o}",
            "others on this machine can read it",
            f"chmod 600 {file}",
        )
        for file, mode in open_files
    ]


def _open(folder: Path) -> Iterator[tuple[Path, int]]:
    for file in sorted(folder.rglob("*")):
        found = file.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077 and file.name not in _PUBLIC:
            yield file, stat.S_IMODE(found.st_mode)
