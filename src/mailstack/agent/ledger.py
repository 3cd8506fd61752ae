"""Write down which processes a service was started with, to find them after we were killed.

One file per service, ``STATE/run/started/SERVICE``: a line ``PID TICKS`` for each process, both
together its identity (pids are used again), below the id of this boot.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailstack.aio import process
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
    sessions: dict[int, int] = {}
    pages = list(folder(state).glob(service)) if folder(state).is_dir() else []
    for page in pages:
        sessions |= read(page)
    ended = await process.end_sessions(sessions, _GRACE_S) if sessions else 0
    for page in pages:
        page.unlink(missing_ok=True)
    return ended


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
