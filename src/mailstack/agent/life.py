"""One life of a service: from the start of its processes until they have to be ended.

A life ends when the main process dies, when the daemon hangs, or when a new configuration needs a
restart. A companion (socat) that dies is started again by itself: the sessions of the main process
go on. The life knows nothing of configurations; it is told whom to run.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Never

from mailstack.agent.alerts import Alert, Matter, nobody
from mailstack.agent.expiry import Expiry
from mailstack.agent.ledger import Ledger
from mailstack.agent.output import Output
from mailstack.agent.probes import Rhythm, Wrong, ask, remark
from mailstack.aio import process
from mailstack.aio.backoff import Backoff
from mailstack.aio.clock import Clock
from mailstack.aio.finish import finish
from mailstack.aio.syslog import Syslog
from mailstack.daemons.contract import Command, Daemon, Site
from mailstack.observe.health import Health, State

_SIGNALLED = 0
"""A status below it is minus the number of the signal that ended the process."""


class Cause(Enum):
    """Why a life ended."""

    CRASHED = "crashed"
    HUNG = "hung"
    PLANNED = "planned"


class Ended(Exception):
    """A life is over; its processes are still to be stopped.

    ``spoke``: the daemon ended by itself, so its last lines probably say why.
    """

    def __init__(self, cause: Cause, reason: str, *, spoke: bool = False) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason
        self.spoke = spoke


@dataclass(slots=True)
class Surroundings:
    """What every life of a service shares."""

    daemon: Daemon
    health: Health
    ledger: Ledger
    clock: Clock
    rhythm: Rhythm
    output: Output
    needs_are_healthy: Callable[[], bool] = lambda: True
    spawn: process.Spawn | None = None
    """How processes begin, where it is not as usual."""
    expiry: Expiry = field(default_factory=Expiry)
    alert: Alert = nobody


@dataclass(slots=True)
class Life:
    """Make one, ``live`` it once."""

    around: Surroundings
    commands: Sequence[Command]
    site: Callable[[], Site]
    """The latest: a reload may have changed it."""
    main: process.Process | None = None
    healthy_since: float | None = None
    _running: dict[str, tuple[Command, process.Process]] = field(default_factory=dict)
    _syslogs: list[Syslog] = field(default_factory=list)

    async def live(self, meanwhile: Callable[["Life"], Coroutine[Any, Any, Never]]) -> Ended:
        """Start, probe, watch, and stop everything again; return why it ended.

        ``meanwhile`` runs beside, and may end the life by raising ``Ended``.
        """
        ended = Ended(Cause.PLANNED, "")
        try:
            await self._start_all()
            async with asyncio.TaskGroup() as tasks:
                for name in self._running:
                    tasks.create_task(self._watch(name))
                tasks.create_task(self._probe())
                tasks.create_task(meanwhile(self))
        except* Ended as group:
            ended = next(error for error in group.exceptions if isinstance(error, Ended))
            self.around.health.now(State.RESTARTING, ended.reason)
        finally:
            await finish(self._stop_all())
        return ended

    @property
    def is_starting(self) -> bool:
        return self.healthy_since is None

    async def _start_all(self) -> None:
        self.around.health.now(State.STARTING)
        try:
            for command in self.commands:
                if command.syslog is not None:
                    self._syslogs.append(Syslog.listen(command.syslog, self.around.output.hear))
                await self._start(command)
        except OSError as error:
            raise Ended(Cause.CRASHED, f"could not be started: {error}") from error
        self.main = self._running[self.commands[0].name][1]
        self._tell_pids()

    def _tell_pids(self) -> None:
        sessions = [running.pid for _, running in self._running.values()]
        self.around.health.runs_as(self.main.pid if self.main else None, sessions)

    async def _start(self, command: Command) -> process.Process:
        account = command.account
        started = await process.start(
            command.argv,
            on_line=self.around.output.hear,
            uid=account.uid,
            gid=account.gid,
            groups=account.groups,
            env=command.env,
            spawn=self.around.spawn,
        )
        self._running[command.name] = command, started
        self.around.ledger.opened(started)
        return started

    def can_become(self, commands: Sequence[Command]) -> bool:
        """Whether ``commands`` differ from ours in nothing but how companions are run."""
        same = [(one.name, one.syslog) for one in commands]
        return commands[0] == self.commands[0] and same == [
            (one.name, one.syslog) for one in self.commands
        ]

    async def become(self, commands: Sequence[Command]) -> None:
        """Run companions as ``commands`` say: those that differ begin anew, the main one stays."""
        differing = [one for one in commands if one not in self.commands]
        self.commands = commands
        for command in differing:
            with suppress(ProcessLookupError):  # it died by itself, and will be started again
                await self._running[command.name][1].stop(command.stop_timeout_s)

    async def _watch(self, name: str) -> None:
        """End the life with the main process; bring a companion back as often as it takes."""
        backoff = Backoff()
        while True:
            command, running = self._running[name]
            began = self.around.clock.now()
            status = await running.wait()
            if running is self.main:
                raise Ended(Cause.CRASHED, describe(status), spoke=status >= _SIGNALLED)
            pause = 0.0
            if self._wanted(name) == command:
                self.around.health.restarts += 1
                if self.around.clock.now() - began >= self.around.rhythm.stable_s:
                    backoff.reset()
                pause = backoff.next_s()
                self.around.output.say(f"companion {name} {describe(status)}; starting it again")
            await running.sweep()
            self.around.ledger.closed(running)
            await self.around.clock.sleep(pause)
            await self._start(self._wanted(name))
            self._tell_pids()

    def _wanted(self, name: str) -> Command:
        return next(one for one in self.commands if one.name == name)

    async def _probe(self) -> Never:
        await self._probe_until_healthy()
        rhythm, failures = self.around.rhythm, 0
        wrong: Wrong | None = None
        while True:
            await self.around.clock.sleep(rhythm.retry_s if wrong else rhythm.every_s)
            wrong = await self._ask()
            if wrong is None or not wrong.hangs:
                failures = 0
                continue
            failures += 1
            if failures >= rhythm.hung_after and self.around.needs_are_healthy():
                # while a service it asks is down, a restart would cure nothing
                raise Ended(Cause.HUNG, f"hangs: {wrong.reason}")

    async def _probe_until_healthy(self) -> None:
        clock, rhythm = self.around.clock, self.around.rhythm
        deadline, pause = clock.now() + rhythm.start_s, rhythm.first_s
        while wrong := await ask(self.around.daemon, self.site(), rhythm.timeout_s):
            if clock.now() >= deadline:
                raise Ended(Cause.HUNG, f"not healthy within {rhythm.start_s:g} s: {wrong.reason}")
            await clock.sleep(pause)
            pause = min(pause * 1.5, rhythm.slowest_first_s)
        self.healthy_since = clock.now()
        self.around.health.now(State.HEALTHY)

    async def _ask(self) -> Wrong | None:
        if reminder := self.around.expiry.reminder():
            self.around.output.say(f"warning: {reminder}")
            self.around.alert(Matter.CERTIFICATE, reminder)
        wrong = await ask(self.around.daemon, self.site(), self.around.rhythm.timeout_s)
        if wrong:
            self.around.output.say(f"probe failed: {wrong.reason}")
            self.around.health.now(State.UNHEALTHY, wrong.reason)
        else:
            self.around.health.now(State.HEALTHY)
            said = await remark(self.around.daemon, self.site(), self.around.rhythm.timeout_s)
            self.around.health.says("; ".join(filter(None, (said, self.around.expiry.remark()))))
        return wrong

    async def _stop_all(self) -> None:
        """Stop the main process first: its companions are what it may still need to finish."""
        for command, running in list(self._running.values()):
            with suppress(ProcessLookupError):
                await running.stop(command.stop_timeout_s)
            self.around.ledger.closed(running)
        self._running.clear()
        while self._syslogs:
            self._syslogs.pop().close()
        self.around.health.runs_as(None)


def describe(status: int) -> str:
    """Say how a process ended."""
    if status < _SIGNALLED:
        return f"was ended by signal {-status}"
    return f"exited with status {status}"
