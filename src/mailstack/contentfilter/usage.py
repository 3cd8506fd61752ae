"""To how many recipients each login sent within the last 24 hours. Pure: time is handed in.

The day rolls: it does not begin anew at midnight, when a stolen password would get a second day's
worth. Counts are kept by quarter of an hour, so a login costs 97 numbers at most, and what was used
comes back up to a quarter of an hour late, never early.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

DAY_S: Final = 86_400
SLOT_S: Final = 900
"""Seconds that are counted together."""


@dataclass(frozen=True, slots=True)
class Granted:
    """It is counted."""


@dataclass(frozen=True, slots=True)
class Later:
    """It would be too much now. ``at`` (Unix time) enough has come back; ``used`` is the count."""

    used: int
    at: int


@dataclass(frozen=True, slots=True)
class Never:
    """One message to more recipients than a whole day has."""


Answer: TypeAlias = Granted | Later | Never


@dataclass(frozen=True, slots=True)
class Entry:
    """``recipients`` of ``login`` in the slot that began at ``began`` (Unix time)."""

    began: int
    recipients: int
    login: str


class Usage:
    """Of every login. Bounded by the number of users who sent something today."""

    def __init__(self) -> None:
        self._slots: dict[str, dict[int, int]] = {}

    def add(self, entry: Entry, now: float) -> None:
        """Count what was granted before, unless it is over by now."""
        if _counts(entry.began, now):
            slots = self._slots.setdefault(entry.login, {})
            slots[entry.began] = slots.get(entry.began, 0) + entry.recipients

    def ask(self, login: str, recipients: int, limit: int, now: float) -> Answer:
        """Whether a login may send to so many more; the caller then has to ``add`` them."""
        if recipients > limit:
            return Never()
        slots = self._fresh(login, now)
        used = sum(slots.values())
        if used + recipients <= limit:
            return Granted()
        too_many = used + recipients - limit
        for began in sorted(slots):
            too_many -= slots[began]
            if too_many <= 0:
                return Later(used, began + SLOT_S + DAY_S)
        raise AssertionError("all of a day's use coming back makes room for one message")

    def entries(self, now: float) -> Iterator[Entry]:
        """What still counts; what does not is forgotten."""
        for login in list(self._slots):
            for began, recipients in self._fresh(login, now).items():
                yield Entry(began, recipients, login)

    def _fresh(self, login: str, now: float) -> dict[int, int]:
        slots = {b: n for b, n in self._slots.get(login, {}).items() if _counts(b, now)}
        if slots:
            self._slots[login] = slots
        else:
            self._slots.pop(login, None)
        return slots


def slot(now: float) -> int:
    """When the slot of a moment began."""
    return int(now) // SLOT_S * SLOT_S


def _counts(began: int, now: float) -> bool:
    """Whether a slot is not over; one a day ahead was written under a wrong clock."""
    return now - DAY_S - SLOT_S < began < now + DAY_S
