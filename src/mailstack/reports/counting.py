"""Adds up what the filter has written down, and makes reports of the days that are over."""

import secrets
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mailstack.identity.tally import JOURNAL, Row, read
from mailstack.reports.kept import Kept, Report, Tally, save

DAY_S: Final = 86_400
MAX_ROWS: Final = 12_000
"""Different rows of all days and domains together: four megabytes of the volume."""
MAX_REPORT_ROWS: Final = 10_000
_SETTLE_S: Final = 0.5
"""The filter opens the file for each message, and closes it within microseconds."""


def take(folder: Path, kept: Kept, *, settle: Callable[[float], None] = time.sleep) -> int:
    """Count the journal into ``kept``, and save; return how many messages did not fit.

    What is killed on the way counts nothing twice: the file has a name of its own from the first
    step on, and that name is saved with the counts.
    """
    lost = 0
    for left in sorted(folder.glob(f"{JOURNAL}.*")):
        lost += _merge(folder, left, kept)
    try:
        taken = (folder / JOURNAL).rename(folder / f"{JOURNAL}.{secrets.token_hex(8)}")
    except FileNotFoundError:
        return lost
    settle(_SETTLE_S)
    return lost + _merge(folder, taken, kept)


def _merge(folder: Path, journal: Path, kept: Kept) -> int:
    lost = 0
    if journal.name != kept.merged:
        lost = _count(journal, kept)
        kept.merged = journal.name
        save(folder, kept)
    journal.unlink()
    return lost


def _count(journal: Path, kept: Kept) -> int:
    lost, room = 0, MAX_ROWS - kept.rows
    for line in read(journal):
        tally = kept.days.setdefault((line.day, line.published.domain), Tally(line.published))
        tally.published = line.published
        if line.row not in tally.rows:
            if room <= 0:
                lost += 1
                continue
            room -= 1
        tally.rows[line.row] += 1
    return lost


def close_days(kept: Kept, now: float, *, with_today: bool = False) -> None:
    """Make a report of each day and domain that is over; ``with_today``: of today so far, too."""
    today = int(now) // DAY_S
    for day, domain in sorted(kept.days):
        if day < today or with_today:
            tally = kept.days.pop((day, domain))
            end = int(now) if day == today else (day + 1) * DAY_S - 1
            kept.waiting.append(_report(day * DAY_S, max(end, day * DAY_S), tally))


def _report(begin: int, end: int, tally: Tally) -> Report:
    date = datetime.fromtimestamp(begin, UTC).strftime("%Y%m%d")
    identity = f"{date}.{tally.published.domain}.{secrets.token_hex(6)}"
    rows: Counter[Row] = Counter(dict(tally.rows.most_common(MAX_REPORT_ROWS)))
    return Report(identity, begin, end, tally.published, rows)
