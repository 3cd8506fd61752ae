"""When the night is."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.unit.trainer.world import open_ledger

from mailstack.trainer import schedule
from mailstack.trainer.nights import Nights

LATER = timedelta(minutes=7)
NOON = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)


def test_the_latest_night() -> None:
    """Until the hour has come, the latest night is yesterday's."""
    assert schedule.latest(NOON, 3, LATER) == datetime(2026, 5, 2, 3, 7, tzinfo=UTC)
    early = NOON.replace(hour=3, minute=6)
    assert schedule.latest(early, 3, LATER) == datetime(2026, 5, 1, 3, 7, tzinfo=UTC)


def test_installations_do_not_begin_together() -> None:
    """The delay is the same every night, within the hour, and another one elsewhere."""
    delays = {schedule.spread(name) for name in ("a", "b", "c", "d")}
    assert len(delays) == 4
    assert schedule.spread("a") in delays
    assert max(delays) < timedelta(hours=1)


async def nights_at(folder: Path, *moments: datetime) -> list[datetime]:
    """Start the trainer at each of the moments; return those at which it trained."""
    ledger, trained = open_ledger(folder), []
    for moment in moments:

        async def train(at: datetime = moment) -> None:
            trained.append(at)

        nights = Nights(ledger, 3, LATER, train, now=lambda at=moment: at)  # type: ignore[misc]
        running = asyncio.create_task(nights.run())
        await asyncio.sleep(0)
        running.cancel()
    ledger.close()
    return trained


async def test_a_new_installation_waits_for_its_first_night(tmp_path: Path) -> None:
    """There is nothing to make up for."""
    assert await nights_at(tmp_path, NOON, NOON + timedelta(hours=1)) == []


async def test_a_night_that_was_missed(tmp_path: Path) -> None:
    """Whoever switches the machine off at night is trained for in the morning, once."""
    tomorrow = NOON + timedelta(days=1)
    assert await nights_at(tmp_path, NOON, tomorrow, tomorrow) == [tomorrow]
