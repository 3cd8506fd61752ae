"""Users who have just moved a message: each is learnt from once, soon after the last move.

A person who sorts a folder moves fifty messages in a minute, and Dovecot reports every one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from mailstack.model.addresses import Address

QUIET_S: Final = 2.0
"""Without a move, before the user is dealt with."""
LATEST_S: Final = 15.0
"""After the first move, however many follow."""
MAX_WAITING: Final = 10_000
"""Users; the moves of further ones are left to the night."""

_log = logging.getLogger(__name__)


class Moves:
    """Collects reports, and calls ``learn`` with one user after the other."""

    def __init__(
        self,
        learn: Callable[[Address], Awaitable[object]],
        *,
        quiet_s: float = QUIET_S,
        latest_s: float = LATEST_S,
    ) -> None:
        self._learn = learn
        self._quiet_s = quiet_s
        self._latest_s = latest_s
        self._first: dict[Address, float] = {}
        self._due: dict[Address, float] = {}
        self._changed = asyncio.Event()

    def moved(self, address: Address) -> bool:
        """Note a move; whether there is room for it."""
        if address not in self._due and len(self._due) >= MAX_WAITING:
            return False
        now = asyncio.get_running_loop().time()
        first = self._first.setdefault(address, now)
        self._due[address] = min(now + self._quiet_s, first + self._latest_s)
        self._changed.set()
        return True

    @property
    def waiting(self) -> int:
        return len(self._due)

    async def run(self) -> None:
        """For ever: learn from whoever is due."""
        while True:
            self._changed.clear()
            if self._due:
                await self._next()
            else:
                await self._changed.wait()

    async def _next(self) -> None:
        address, due = min(self._due.items(), key=lambda one: one[1])
        wait_s = due - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
            return  # meanwhile it may have been put off, or somebody else may be due
        del self._due[address], self._first[address]
        await self._learn(address)
