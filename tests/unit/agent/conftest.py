"""One agent over a fake daemon, in a state folder of its own."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.unit.fake_daemon import Changes, FakeDaemon, settings

from mailstack.agent.agent import Agent
from mailstack.agent.alerts import Alert, nobody
from mailstack.agent.ledger import Ledger, folder
from mailstack.agent.life import Surroundings
from mailstack.agent.output import Output
from mailstack.agent.probes import Rhythm
from mailstack.aio.clock import SystemClock
from mailstack.daemons.contract import Account, Paths, Site
from mailstack.observe.health import Health, State
from mailstack.settings import Settings

QUICK = Rhythm(
    first_s=0.005, every_s=0.01, retry_s=0.005, timeout_s=1.0, hung_after=3, start_s=5.0, stable_s=0
)


@dataclass
class Stage:
    """What a test of an agent needs at hand."""

    state: Path
    daemon: FakeDaemon = field(default_factory=FakeDaemon)
    rhythm: Rhythm = QUICK
    lines: list[str] = field(default_factory=list)
    needs_are_healthy: Callable[[], bool] = lambda: True
    alert: Alert = nobody
    changes: Changes = field(default_factory=Changes)
    health: Health = field(init=False)
    agent: Agent = field(init=False)

    def __post_init__(self) -> None:
        self.health = Health(self.daemon.name, self.changes)
        self.paths = Paths(self.state, self.daemon.name)
        for made in (self.paths.overrides, folder(self.state)):
            made.mkdir(parents=True, exist_ok=True)

    def build(self) -> Agent:
        """Make an agent; each test may make several, one after another."""
        around = Surroundings(
            daemon=self.daemon,
            health=self.health,
            ledger=Ledger(folder(self.state) / self.daemon.name),
            clock=SystemClock(),
            rhythm=self.rhythm,
            output=Output(self._hear),
            needs_are_healthy=self.needs_are_healthy,
            alert=self.alert,
        )
        self.agent = Agent(around, settings(), self._site, self._gate)
        return self.agent

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Agent]:
        """Run an agent, and stop it whatever happens."""
        agent = self.build()
        task = asyncio.ensure_future(agent.run())
        task.add_done_callback(self.changes)
        try:
            yield agent
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def healthy(self) -> AsyncIterator[Agent]:
        """Run an agent, and wait until its service is healthy."""
        async with self.running() as agent:
            await self.until_healthy()
            yield agent

    async def until_healthy(self) -> None:
        await self.changes.until(lambda: self.health.state is State.HEALTHY)

    def override(self, text: str, name: str = "own.conf") -> None:
        """Write an override, and have the agent look."""
        (self.paths.overrides / name).write_text(text)
        self.agent.look_again(settings())

    def kill(self) -> int:
        """Kill the main process; return its pid."""
        assert self.health.pid is not None
        os.kill(self.health.pid, signal.SIGKILL)
        return self.health.pid

    def in_force(self) -> str:
        return (self.paths.conf / "main.conf").read_text()

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        self.changes()

    def _site(self, wanted: Settings, version: tuple[int, ...]) -> Site:
        return Site(wanted, {}, self.paths, version, Account(os.geteuid(), os.getegid()))

    async def _gate(self) -> None:
        pass


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)
