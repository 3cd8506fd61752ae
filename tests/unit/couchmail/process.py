"""Runs couchmail as it is run: a process of its own, which forks another one."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

from tests.unit.couchmail.running import config

ACCOUNT = 5001
WITH_GUARD = """
import sys
from mailstack.aio import privileges
real = privileges.drop
def tell(module):
    print("LATE", module, file=sys.stderr)
def drop(*account):
    real(*account)
    sys.addaudithook(lambda event, args: event == "import" and tell(args[0]))
privileges.drop = drop
from mailstack.couchmail.__main__ import main
sys.exit(main())
"""


class Process:
    """A couchmail of its own process; ``said`` is its log so far."""

    def __init__(self, folder: Path, *, guard: bool = False) -> None:
        uid = ACCOUNT if os.geteuid() == 0 else os.geteuid()
        self.settings = config(folder, uid=uid, gid=uid, lookup_processes=2)
        (folder / "couchmail.json").write_text(self.settings.model_dump_json())
        self._log = folder / "log"
        program = ["-c", WITH_GUARD] if guard else ["-m", "mailstack.couchmail"]
        self._argv = [sys.executable, *program, "--config", str(folder / "couchmail.json")]

    async def start(self) -> dict[str, int]:
        with self._log.open("w") as log:
            self.process = await asyncio.create_subprocess_exec(*self._argv, stderr=log)
        async with asyncio.timeout(20):
            while "listening:" not in self.said():
                assert self.process.returncode is None, self.said()
                await asyncio.sleep(0.02)
        return {name: int(port) for name, port in re.findall(r"(\w+) (\d+)", self.said())}

    def status(self) -> str:
        return Path(f"/proc/{self.process.pid}/status").read_text()

    @property
    def follower(self) -> int:
        """The other process, which only answers lookups."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    def said(self) -> str:
        return self._log.read_text()

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            return await self.process.wait()
