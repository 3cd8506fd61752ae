"""What some daemons have done beside their processes, as a task of their agent.

A daemon package may offer ``attend``: it runs as long as the service does, begins anew when the
configuration is another one, and never ends the service, whatever becomes of it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mailstack.daemons.contract import Attended, Daemon, Site

RETRY_S: Final = 10.0
"""After it failed, which it says."""


@dataclass(slots=True)
class Attendance:
    """Of one service; nothing for most."""

    daemon: Daemon
    say: Callable[[str], None]
    _task: asyncio.Task[None] | None = None
    _site: Site | None = None

    def begin(self, site: Site) -> None:
        """Attend to the service as ``site`` has it, unless that is being done."""
        if not isinstance(self.daemon, Attended) or site == self._site:
            return
        if self._task is not None:
            self._task.cancel()
        self._site = site
        self._task = asyncio.get_running_loop().create_task(self._attend(self.daemon, site))

    async def end(self) -> None:
        """Stop, and wait for it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._task = self._site = None

    async def _attend(self, daemon: Attended, site: Site) -> None:
        while True:
            try:
                await daemon.attend(site, self.say)
            except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
                self.say(f"what is done beside {site.paths.service} failed: {error!r}")
            await asyncio.sleep(RETRY_S)
