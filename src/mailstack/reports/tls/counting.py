"""Adds up what was written down, and makes reports of the days that are over."""

import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mailstack.errors import ProtocolError
from mailstack.protocols.tlsrpt import Failure, Session, read_datagram
from mailstack.reports.tls import journal
from mailstack.reports.tls.config import KEPT
from mailstack.reports.tls.kept import Kept, Report, Sums, Tally, save

DAY_S: Final = 86_400
MAX_ENTRIES: Final = 20_000
"""Domains, policies and kinds of failures together: six megabytes of the volume."""
MAX_POLICIES: Final = 20
"""Of one domain on one day: each renewal of a certificate or a policy makes another one."""
MAX_FAILURES: Final = 100
"""Kinds under one policy; what goes beyond is counted by its result alone."""
_SETTLE_S: Final = 0.5
"""The collector opens the file for each datagram, and closes it within microseconds."""


def fetch(folder: Path, uid: int, gid: int, settle: Callable[[float], None] = time.sleep) -> None:
    """Move the journal into the folder of what is kept, for the account that will count it."""
    taken = folder / KEPT / f"{journal.JOURNAL}.{secrets.token_hex(8)}"
    try:
        os.chown(folder / journal.JOURNAL, uid, gid, follow_symlinks=False)
        (folder / journal.JOURNAL).rename(taken)
    except FileNotFoundError:
        return
    settle(_SETTLE_S)


def take(folder: Path, kept: Kept) -> tuple[int, str]:
    """Count the journals in ``folder``, and save; return how many were lost, and why the last was.

    What is killed on the way counts nothing twice: a journal's name is saved with its counts.
    """
    counting = _Counting(kept)
    for taken in sorted(folder.glob(f"{journal.JOURNAL}.*")):
        if taken.name != kept.merged:
            counting.take(taken)
            kept.merged = taken.name
            save(folder, kept)
        taken.unlink()
    return counting.lost, counting.why


class _Counting:
    """Into one ``Kept``, as long as there is room."""

    def __init__(self, kept: Kept) -> None:
        self.lost = 0
        self.why = ""
        self._kept = kept
        self._room = MAX_ENTRIES - kept.entries

    def take(self, path: Path) -> None:
        for at, datagram in journal.read(path):
            try:
                for session in read_datagram(datagram):
                    self._add(at // DAY_S, session)
            except ProtocolError as error:
                self._lose(str(error))

    def _add(self, day: int, session: Session) -> None:
        sums = self._sums(day, session)
        if sums is None:
            self._lose("there are too many different ones")
            return
        sums.succeeded += not session.failed
        sums.failed += session.failed
        self._kept.counts["failed" if session.failed else "succeeded"] += 1
        for failure in session.failures:
            if failure not in sums.failures:
                if self._room <= 0 or len(sums.failures) >= MAX_FAILURES:
                    failure = Failure(failure.result)  # noqa: PLW2901 - what there is room for
                self._room -= failure not in sums.failures
            sums.failures[failure] += 1

    def _lose(self, why: str) -> None:
        self.lost += 1
        self.why = why
        self._kept.counts["lost"] += 1

    def _sums(self, day: int, session: Session) -> Sums | None:
        """Where a session is counted; None: there is no room for it."""
        tally = self._kept.days.get((day, session.domain))
        if tally is None or session.policy not in tally.policies:
            if self._room <= 0 or (tally is not None and len(tally.policies) >= MAX_POLICIES):
                return None
            tally = tally or self._kept.days.setdefault(
                (day, session.domain), Tally(session.record)
            )
            tally.policies[session.policy] = Sums()
            self._room -= 2
        tally.record = session.record
        return tally.policies[session.policy]


def close_days(kept: Kept, now: float, *, with_today: bool = False) -> None:
    """Make a report of each day and domain that is over; ``with_today``: of today so far, too."""
    today = int(now) // DAY_S
    for day, domain in sorted(kept.days):
        if day < today or with_today:
            begin = day * DAY_S
            end = min(int(now), begin + DAY_S - 1)
            tally = kept.days.pop((day, domain))
            kept.waiting.append(Report(_identity(begin, domain), domain, begin, end, tally))


def _identity(begin: int, domain: str) -> str:
    date = datetime.fromtimestamp(begin, UTC).strftime("%Y%m%d")
    return f"{date}.{domain}.{secrets.token_hex(6)}"
