"""Time as something to hand in, so that tests of waiting do not wait."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that only grow, and a way to let some of them pass."""

    def now(self) -> float:
        """Return seconds since an arbitrary moment; never goes back."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock, unaffected by changes of the date."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
