"""Disk and memory: is there room for the mail of the next days?"""

import asyncio
import os
from pathlib import Path

from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding

_ALMOST_NOTHING = 2
"""Percent: then daemons begin to refuse mail."""


async def disk(context: Context) -> Found:
    """Look at each file system that holds a part of the state folder."""
    found = await asyncio.to_thread(_look, context.state, context.settings.doctor.min_free_percent)
    if not context.pod:
        return found
    what = "not asked: volumes of other pods"
    fix = "watch kubelet_volume_stats_available_bytes, which the kubelet has of each"
    return [*found, Finding("unknown", "disk", what, fix=fix)]


def _look(state: Path, least: int) -> Found:
    folders = [state, *sorted((state / "data").glob("*"))]
    systems = {folder.stat().st_dev: folder for folder in reversed(folders) if folder.exists()}
    return [_one(folder, least) for folder in systems.values()]


def _one(folder: Path, least: int) -> Finding:
    found = os.statvfs(folder)
    space = 100 * found.f_bavail // max(found.f_blocks, 1)
    inodes = 100 * found.f_favail // found.f_files if found.f_files else 100
    what = f"{folder}: {space} % of space free, {inodes} % of inodes"
    free = min(space, inodes)
    if free >= least:
        return Finding("ok", "disk", what)
    return Finding(
        "failure" if free < _ALMOST_NOTHING else "warning",
        "disk",
        what,
        "when it is full, mail is deferred",
        f"remove what is not needed there, or enlarge the file system of {folder}",
    )


async def memory(context: Context) -> Found:  # noqa: ARG001 - the shape of a check
    """Look at what the machine has left."""
    text = await asyncio.to_thread(Path("/proc/meminfo").read_text, "ascii")
    lines = text.splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    percent = 100 * kib["MemAvailable"] // kib["MemTotal"]
    what = f"{kib['MemAvailable'] // 1024} MiB available ({percent} %)"
    if percent >= 5:  # noqa: PLR2004 - below it the kernel begins to kill
        return [Finding("ok", "memory", what)]
    fix = "set spam.children lower, or give the machine more"
    return [Finding("warning", "memory", what, "the kernel may end a daemon", fix)]
