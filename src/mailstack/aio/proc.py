"""What /proc says about processes: who is whose child, which session, since when, how large.

Processes come and go while one looks, so whatever cannot be read any more is simply not there.
Source: proc(5).
"""

import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Entry:
    """One process."""

    pid: int
    parent: int
    session: int
    started: int
    """Clock ticks after boot: with the pid, the identity of a process. Pids are used again."""
    state: str
    """One letter; Z is dead and waits for its parent to notice."""

    @property
    def alive(self) -> bool:
        return self.state not in "ZX"


def entry(pid: int) -> Entry | None:
    """Look at one process; None when there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # the second field is the program's name in parentheses, and may hold anything
    fields = text[text.rindex(")") + 2 :].split()
    return Entry(
        pid,
        parent=int(fields[1]),
        session=int(fields[3]),
        started=int(fields[19]),
        state=fields[0],
    )


def everything() -> dict[int, Entry]:
    """Look at all processes."""
    numbers = (int(name) for name in os.listdir(_PROC) if name.isdigit())  # noqa: PTH208 - names only
    return {found.pid: found for number in numbers if (found := entry(number)) is not None}


def tree(sessions: Iterable[int], among: Mapping[int, Entry]) -> Iterator[Entry]:
    """Yield the live members of ``sessions`` and all their descendants, wherever these went."""
    wanted = set(sessions)
    children: dict[int, list[Entry]] = {}
    for found in among.values():
        children.setdefault(found.parent, []).append(found)
    queue = [found for found in among.values() if found.session in wanted]
    seen: set[int] = set()
    while queue:
        found = queue.pop()
        if found.pid not in seen:
            seen.add(found.pid)
            queue += children.get(found.pid, [])
            if found.alive:
                yield found


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process or several, in KiB. Pss shares out what several processes have in common."""

    rss_kib: int = 0
    pss_kib: int = 0

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.rss_kib + other.rss_kib, self.pss_kib + other.pss_kib)


def memory(pid: int) -> Memory:
    """Return the memory of one process; zero when it is gone."""
    sizes = {"Rss:": 0, "Pss:": 0}
    try:
        with (_PROC / str(pid) / "smaps_rollup").open(encoding="utf-8") as file:
            for line in file:
                name, value, *_ = line.split()
                if name in sizes:
                    sizes[name] = int(value)
    except OSError:
        return Memory()
    return Memory(sizes["Rss:"], sizes["Pss:"])


def name(pid: int) -> str:
    """Return the program's short name, or nothing."""
    try:
        return (_PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def kill_all(entries: Iterable[Entry], number: signal.Signals) -> int:
    """Signal each of ``entries`` that still is the process it was; return how many."""
    count = 0
    for found in entries:
        now = entry(found.pid)
        if now is not None and now.started == found.started and now.alive:
            with suppress(ProcessLookupError):
                os.kill(found.pid, number)
                count += 1
    return count


def started_at(ticks: int) -> float:
    """Turn ticks after boot into seconds since 1970."""
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - since_boot + ticks / os.sysconf("SC_CLK_TCK")
