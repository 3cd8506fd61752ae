"""Has spamd read its rules anew, from another process of the same pod.

SIGHUP to the process that spamd's own file names; spamd then executes itself anew, with the same
pid. A pod has to share its process namespace for that.
"""

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailstack.aio import proc
from mailstack.aio.dialog import connect
from mailstack.topology.model import Endpoint

TIMEOUT_S: Final = 60.0
"""To read all rules, on a machine that is busy."""
_NAMES: Final = ("spamd", "perl", "/usr/bin/perl")
"""As /proc has it, before and after it executed itself anew."""


@dataclass(frozen=True, slots=True)
class Spamd:
    """spamd as it is seen from here."""

    pid_file: Path
    endpoint: Endpoint

    async def reload(self) -> str:
        """Return why it does not answer afterwards; empty: it does, or it does not run at all."""
        pid, before = self._pid(), self._stamp()
        if not pid:
            return ""  # it will read them when it starts
        os.kill(pid, signal.SIGHUP)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                # the file is written anew once all rules are read
                while self._stamp() in {before, None} or not await self._answers():  # noqa: ASYNC110 - another process does it
                    await asyncio.sleep(0.1)
        except TimeoutError:
            return f"does not answer within {TIMEOUT_S:g} s"
        return ""

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self.pid_file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    async def _answers(self) -> bool:
        try:
            async with connect(self.endpoint, timeout_s=5) as dialog:
                await dialog.send("PING SPAMC/1.5\r\n")
                return "PONG" in await dialog.line()
        except OSError:
            return False

    def _pid(self) -> int:
        """The file may name a process that is gone, or another one that has its number now."""
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0
        return pid if pid > 1 and proc.name(pid).startswith(_NAMES) else 0
