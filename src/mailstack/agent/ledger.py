"""Write down which processes a service was started with, to find them after we were killed.

One file per service, ``STATE/run/started/SERVICE``: a line ``PID TICKS`` for each process, both
together its identity (pids are used again), below the id of this boot.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailstack.aio import lock, process
from mailstack.aio.files import replace_text

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_GRACE_S: Final = 5.0
"""Between SIGTERM and SIGKILL of a leftover: a master needs a moment to end its children."""


def folder(state: Path) -> Path:
    return state / "run" / "started"


@dataclass(slots=True)
class Ledger:
    """The page of one service."""

    path: Path
    _sessions: dict[int, int] = field(default_factory=dict)

    def opened(self, started: process.Process) -> None:
        self._sessions[started.pid] = started.started
        self._write()

    def closed(self, ended: process.Process) -> None:
        self._sessions.pop(ended.pid, None)
        self._write()

    def _write(self) -> None:
        if not self._sessions:
            self.path.unlink(missing_ok=True)
            return
        lines = [_boot(), *(f"{pid} {ticks}" for pid, ticks in self._sessions.items())]
        replace_text(self.path, "\n".join(lines) + "\n")


async def end_leftovers(state: Path, service: str = "*") -> int:
    """End what earlier runs left behind, of ``service`` or of all; return how many processes."""
    pages = _pages(state, service)
    ended = await end(sessions(pages))
    for page in pages:
        page.unlink(missing_ok=True)
    return ended


async def end_orphans(state: Path, lock_file: Path, dead: int) -> None:
    """End what the supervisor ``dead`` has left, unless another one has taken its place.

    That one has ended them already; what was read before it is named as holder is none of its own.
    """
    found = sessions(_pages(state))
    if lock.holder(lock_file) in (0, dead):
        await end(found)


async def end(found: Mapping[int, int]) -> int:
    return await process.end_sessions(found, _GRACE_S) if found else 0


def _pages(state: Path, service: str = "*") -> list[Path]:
    return list(folder(state).glob(service)) if folder(state).is_dir() else []


def sessions(pages: Iterable[Path]) -> Mapping[int, int]:
    """Return pid → ticks of all ``pages``."""
    return {pid: ticks for page in pages for pid, ticks in read(page).items()}


def read(page: Path) -> Mapping[int, int]:
    """Return pid → ticks; nothing from before the last boot, or from a page cut short."""
    with suppress(OSError, ValueError):
        boot, *lines = page.read_text(encoding="ascii").splitlines()
        if boot == _boot():
            pairs = (line.split() for line in lines)
            return {int(pid): int(ticks) for pid, ticks in pairs}
    return {}


def _boot() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()
