"""Watches, beside the content filter, for what is to be done about reports, and has it done.

A task in the agent, which is there anyway: it looks at a folder and the clock, and starts
``python -m mailstack.reports`` for each pass. Nothing of a report is ever in this process.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Never

from mailstack.identity.tally import JOURNAL, MAX_OCTETS
from mailstack.program.passes import run_pass
from mailstack.reports.config import COPY, INCOMING

LOOK_S: Final = 5.0
"""Between two looks at the folder: two system calls."""
EVERY_S: Final = 3600.0
"""Between two passes that nothing asks for: at one of them a day is over."""
AGAIN_S: Final = 300.0
"""Until what could not be sent is tried again."""
STUCK_S: Final = 30.0
"""After a pass that left something behind: couchmail cannot be asked, say."""
_PASS_S: Final = 3600.0
"""The longest pass: Postfix and the DNS may keep it waiting, domain by domain."""


class Attendant:
    """Of one content filter.

    Args:
        config: the file that is rendered for ``python -m mailstack.reports``.
        folder: holds all that is kept of reports.
        say: takes a line for the service's log.
        tell: takes numbers of all reports, as Prometheus reads them.
    """

    def __init__(
        self,
        config: Path,
        folder: Path,
        say: Callable[[str], None],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tell = tell
        self._config = config
        self._folder = folder
        self._say = say

    async def run(self) -> Never:
        """Until cancelled. Stacks that start together do not send at the same moment."""
        pause = EVERY_S * random.SystemRandom().random()
        while True:
            await self._until_due(time.monotonic() + pause)
            pause = AGAIN_S if await self._pass() else EVERY_S
            if self._is_asked_for():
                await asyncio.sleep(STUCK_S)

    async def _until_due(self, due: float) -> None:
        # other processes write there, who can wake nobody
        while time.monotonic() < due and not self._is_asked_for():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)

    def _is_asked_for(self) -> bool:
        """Something has come in, or the filter has written much."""
        try:
            if any(file.suffix == COPY for file in (self._folder / INCOMING).iterdir()):
                return True
            return (self._folder / JOURNAL).stat().st_size > MAX_OCTETS // 2
        except OSError:
            return False

    async def _pass(self) -> bool:
        """Start a pass; return whether it has to come again soon."""
        config = str(self._config)
        try:
            done = await run_pass("mailstack.reports", "--config", config, timeout_s=_PASS_S)
        except (OSError, TimeoutError) as error:
            self._say(f"reports could not be looked at: {error!r}")
            return True
        for line in done.for_the_log:
            self._say(line)
        if done.status != 0:
            return True
        result = json.loads(done.last)
        self._tell(result["numbers"])
        return bool(result["waiting"])
