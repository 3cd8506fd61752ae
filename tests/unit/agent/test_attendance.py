"""What is done beside a daemon's processes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from mailstack.agent import attendance
from mailstack.agent.attendance import Attendance
from mailstack.daemons.contract import Account, Daemon, Paths, Site
from mailstack.settings import Settings

SETTINGS = Settings.model_validate({"domain": "example.org", "email": "owner@example.org"})


def site(state: str = "/state") -> Site:
    return Site(SETTINGS, {}, Paths(Path(state), "fake"), (1,), Account(0, 0))


class Attended:
    """Notes each beginning; fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.began: asyncio.Queue[str] = asyncio.Queue()
        self.cancelled = 0

    async def attend(self, site: Site, say: Callable[[str], None]) -> None:
        say("begins")
        self.began.put_nowait(str(site.paths.state))
        if self.failures:
            self.failures -= 1
            raise RuntimeError("told to fail")
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled += 1


async def begun(daemon: Attended) -> str:
    async with asyncio.timeout(60):
        return await daemon.began.get()


async def test_it_runs_until_the_end() -> None:
    """Once for a configuration, anew for another one, and not after the service."""
    daemon, said = Attended(), list[str]()
    held = Attendance(cast("Daemon", daemon), said.append)
    held.begin(site())
    assert await begun(daemon) == "/state"
    held.begin(site())
    held.begin(site("/other"))
    assert await begun(daemon) == "/other"
    await held.end()
    assert daemon.cancelled == 2
    assert daemon.began.empty()


async def test_a_failure_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of it, the service goes on."""
    monkeypatch.setattr(attendance, "RETRY_S", 0.0)
    daemon, said = Attended(failures=2), list[str]()
    held = Attendance(cast("Daemon", daemon), said.append)
    held.begin(site())
    for _ in range(3):
        await begun(daemon)
    await held.end()
    assert sum("told to fail" in line for line in said) == 2


async def test_most_daemons_need_nothing() -> None:
    """A package that offers no ``attend`` has none."""
    held = Attendance(cast("Daemon", object()), print)
    held.begin(site())
    await held.end()
