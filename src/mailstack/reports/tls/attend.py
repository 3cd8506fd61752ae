"""Beside Postfix: collects what it tells, and has that counted and sent.

A task in the agent, which is there anyway. A pass starts when a day is over (UTC), some time within
its first hours so that not all the world sends at midnight; when much has been written down; and
when something could not be sent.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Never

from mailstack.aio.files import replace_text
from mailstack.program.passes import run_pass
from mailstack.reports.tls import journal
from mailstack.reports.tls.collector import Collector
from mailstack.reports.tls.config import KEPT

LOOK_S: Final = 30.0
"""Between two looks at the file and the clock."""
AGAIN_S: Final = 1800.0
"""Until what could not be sent is tried again."""
SPREAD_S: Final = 4 * 3600.0
"""After midnight, within which reports are sent."""
DAY_S: Final = 86_400
_PASS_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are. ``uid`` and ``gid`` are those of Postfix's processes."""

    config: Path
    """Rendered for ``python -m mailstack.reports.tls``."""
    folder: Path
    socket: Path
    uid: int
    gid: int
    numbers: Path
    """Takes what Prometheus reads."""


class Attendant:
    """Of one Postfix. ``say`` takes a line for the service's log."""

    def __init__(
        self, place: Place, say: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._place = place
        self._say = say
        self._clock = clock
        self._journal = place.folder / journal.JOURNAL
        self._done = int(clock()) // DAY_S if self._nothing_is_left() else 0
        """The day on which a pass has closed the ones before."""
        self._delay = SPREAD_S * random.SystemRandom().random()
        self._again = 0.0

    async def run(self) -> Never:
        """Collect and send until cancelled."""
        place = self._place
        collector = Collector(self._journal, self._say, self._clock)
        with collector.listening(place.socket, place.uid, place.gid):
            while True:
                if self.is_due():
                    await self._pass()
                await asyncio.sleep(LOOK_S)

    def is_due(self) -> bool:
        """Whether a pass has something to do now."""
        now = self._clock()
        if self._again:
            return now >= self._again
        if now % DAY_S >= self._delay and int(now) // DAY_S > self._done:
            return True
        try:
            return self._journal.stat().st_size > journal.MAX_OCTETS // 2
        except OSError:
            return False

    def _nothing_is_left(self) -> bool:
        """Of an earlier run: else the first pass comes as soon as it may."""
        kept = self._place.folder / KEPT
        return not self._journal.exists() and not any(kept.glob("*"))

    async def _pass(self) -> None:
        today, config = int(self._clock()) // DAY_S, str(self._place.config)
        self._again = self._clock() + AGAIN_S
        try:
            done = await run_pass("mailstack.reports.tls", "--config", config, timeout_s=_PASS_S)
        except (OSError, TimeoutError) as error:
            self._say(f"TLS reports could not be looked at: {error!r}")
            return
        for line in done.for_the_log:
            self._say(line)
        if done.status == 0:
            result = json.loads(done.last)
            self._tell(result["numbers"])
            if not result["waiting"]:
                self._again, self._done = 0.0, today

    def _tell(self, numbers: str) -> None:
        try:
            replace_text(self._place.numbers, numbers)
        except OSError as error:
            self._say(f"numbers of TLS reports cannot be written: {error}")
