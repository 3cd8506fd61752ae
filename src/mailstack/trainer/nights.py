"""The night's training, again and again, and what is done about users who were removed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mailstack.feed import Reader, follow
from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key
from mailstack.trainer import schedule
from mailstack.trainer.ledger import Ledger

LOOK_S: Final = 600.0
"""Between two looks at the clock: a machine that slept, or whose clock was set, is noticed."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Nights:
    """When ``train`` is called."""

    ledger: Ledger
    hour: int
    after: timedelta
    """This installation's own delay after the full hour."""
    train: Callable[[], Awaitable[None]]
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()

    async def run(self) -> None:
        """For ever: train at night, and make up for a night that was missed or broken off."""
        while True:
            night = schedule.latest(self.now(), self.hour, self.after).timestamp()
            done = self.ledger.night()
            if done is None:
                self.ledger.night_done(night)  # just installed: there is nothing to make up for
            elif done < night:
                await self.train()
                self.ledger.night_done(night)
            await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        now = self.now()
        following = schedule.following(schedule.latest(now, self.hour, self.after))
        return min(LOOK_S, max(1.0, (following - now).total_seconds()))


async def forget_removed(ledger: Ledger, reader: Reader) -> None:
    """For ever: whoever is removed from the datastore is removed from the ledger.

    At the start the feed tells of every document that is there, and of the removed ones too, so a
    removal while this program did not run is not missed.
    """
    async for batch in follow(reader):
        for change in batch.changes:
            if change.kind == "user" and change.removed:
                ledger.forget(spam_key(Address(change.name)))
