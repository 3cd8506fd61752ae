"""All agents of one machine, as tasks of one process.

Starts them in the order of the plan, tells the board what happens, follows the owner's files, and
stops everything in reverse order when asked, or when a service does not come up.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailstack.agent import ledger
from mailstack.agent.agent import Agent
from mailstack.agent.life import Surroundings
from mailstack.agent.output import Output
from mailstack.agent.probes import Rhythm
from mailstack.agent.site import Place
from mailstack.agent.watch import certificate_folders, changes
from mailstack.aio.clock import Clock, SystemClock
from mailstack.aio.process import Spawn
from mailstack.aio.reaper import bury_orphans
from mailstack.daemons.contract import Daemon
from mailstack.errors import ConfigError, MailstackError, ServiceFailed
from mailstack.observe.health import Health, State
from mailstack.settings import Settings
from mailstack.supervisor import metrics, report
from mailstack.supervisor.control import Board, Control
from mailstack.supervisor.plan import Plan, plan

_DOWN: Final = (State.WAITING, State.STARTING, State.RESTARTING, State.FAILED)
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Supervisor:
    """``run`` it once."""

    place: Place
    settings: Settings
    reread: Callable[[], Settings]
    """Reads the settings anew; raises ``ConfigError``."""
    config: Path
    daemons: Mapping[str, Daemon]
    on_line: Callable[[str, str], None]
    """Takes a service and a line that it printed."""
    spawn: Spawn | None = None
    clock: Clock = field(default_factory=SystemClock)
    rhythm: Rhythm = field(default_factory=Rhythm)
    board: Board = field(default_factory=Board)
    failure: MailstackError | None = None
    """Why the start failed."""
    _started: bool = False
    """Whether all services have been healthy at once."""
    _began: float = field(default_factory=time.monotonic)
    _plan: Plan = field(init=False)
    _agents: dict[str, Agent] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _healthy: dict[str, asyncio.Event] = field(default_factory=dict)
    """Set when a service is healthy for the first time."""
    _states: dict[str, State] = field(default_factory=dict)
    """The last one of each service that was logged."""
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._plan = plan(self.place.topology, self.daemons)
        self._healthy = {name: asyncio.Event() for name in self.daemons}
        self._agents = {name: self._agent(name) for name in self.daemons}

    @property
    def control(self) -> Control:
        """What the socket's connections are answered with."""
        return Control(self.board, self.status, self._stopping.set)

    def status(self) -> dict[str, object]:
        services = {name: self.place.topology.service(name) for name in self._agents}
        healths = [agent.around.health for agent in self._agents.values()]
        return report.status(healths, services, self.settings.listen.port_offset)

    async def run(self) -> None:
        """Run until asked to stop, by the socket or a signal.

        Raises:
            MailstackError: a service did not come up; everything has been stopped.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stopping.set)
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(work) for work in (bury_orphans(self.clock), self._follow())
            ]
            for name in self._agents:
                self._tasks[name] = group.create_task(self._run_agent(name))
            await self._stopping.wait()
            await self._stop_all()
            for task in others:
                task.cancel()
        if self.failure is not None:
            raise self.failure

    def _agent(self, name: str) -> Agent:
        output = Output(lambda line: self.on_line(name, line))
        around = Surroundings(
            daemon=self.daemons[name],
            health=Health(name, self._health_changed),
            ledger=ledger.Ledger(ledger.folder(self.place.state) / name),
            clock=self.clock,
            rhythm=self.rhythm,
            output=output,
            needs_are_healthy=lambda: self._needs_are_healthy(name),
            spawn=self.spawn,
        )
        return Agent(
            around,
            self.settings,
            lambda settings, version: self.place.site(name, settings, version),
            lambda: self._gate(name),
        )

    async def _run_agent(self, name: str) -> None:
        """Run one agent. Until all has started, its failure ends the start; later, only itself."""
        try:
            await self._agents[name].run()
        except MailstackError as error:
            self._agent_failed(name, error)
        except Exception as error:
            logging.getLogger(__name__).exception("the agent of %s failed", name)
            self._agent_failed(name, ServiceFailed(f"{name}: {type(error).__name__}: {error}"))

    def _agent_failed(self, name: str, error: MailstackError) -> None:
        self._agents[name].around.health.now(State.FAILED, str(error))
        if not self._started:
            self.failure = self.failure or error
            self._stopping.set()

    async def _gate(self, name: str) -> None:
        for needed in self._plan.needs[name]:
            await self._healthy[needed].wait()

    def _needs_are_healthy(self, name: str) -> bool:
        """Whether a failed probe is the service's own fault.

        Links go round in circles (Postfix and Dovecot), so of those that it merely asks only one
        that is down counts; of two that hang, each would wait for the other.
        """
        return all(self._state(needed) is State.HEALTHY for needed in self._plan.needs[name]) and (
            all(self._state(asked) not in _DOWN for asked in self._plan.asks[name])
        )

    def _state(self, name: str) -> State:
        return self._agents[name].around.health.state

    def _health_changed(self, health: Health) -> None:
        if health.state is State.HEALTHY:
            self._healthy[health.service].set()
        if self._states.get(health.service) is not health.state:
            self._states[health.service] = health.state
            self._agents[health.service].around.output.say(health.state.value)
        self._write_metrics()
        self._tell(service=health.service, state=health.state.value, reason=health.reason)
        if not self._started and all(
            a.around.health.state is State.HEALTHY for a in self._agents.values()
        ):
            self._started = True
            self._tell(started=True)

    def _write_metrics(self) -> None:
        try:
            metrics.write(self.place.state, (a.around.health for a in self._agents.values()))
        except OSError as error:  # a full disk costs a number, not the stack
            logging.getLogger(__name__).warning("metrics: %s", error)

    def _tell(self, **event: object) -> None:
        self.board.tell({**event, "at_s": round(time.monotonic() - self._began, 3)})

    async def _follow(self) -> None:
        folders = [self.place.state / "overrides" / name for name in self._agents]
        folders += certificate_folders(self.place.state / "secure")
        async for _ in changes(self.config, folders):
            self._look_again()

    def _look_again(self) -> None:
        try:
            settings = self.reread()
            self._refuse_moved_ports(settings)
        except ConfigError as error:
            for agent in self._agents.values():
                agent.refuse(str(error))
            return
        self.settings = settings
        for agent in self._agents.values():
            agent.look_again(settings)

    def _refuse_moved_ports(self, settings: Settings) -> None:
        """Ports are checked before a start, and clients know them: no change while running."""
        if settings.listen != self.settings.listen:
            raise ConfigError(
                "listen.address and listen.port_offset cannot change while the stack runs",
                file=self.config,
                advice="run 'mailstack down', then 'mailstack up'",
            )
        if settings.acme.enabled != self.settings.acme.enabled:
            raise ConfigError(
                "acme.enabled cannot change while the stack runs",
                file=self.config,
                advice="run 'mailstack down', then 'mailstack up'",
            )

    async def _stop_all(self) -> None:
        stopped = {name: asyncio.Event() for name in self._tasks}
        async with asyncio.TaskGroup() as group:
            for name in self._tasks:
                group.create_task(self._stop_one(name, stopped))

    async def _stop_one(self, name: str, stopped: Mapping[str, asyncio.Event]) -> None:
        for dependent in self._plan.needed_by(name):
            await stopped[dependent].wait()
        task, health = self._tasks[name], self._agents[name].around.health
        if not task.done():
            health.now(State.STOPPING)
            task.cancel()
            await asyncio.wait({task})
        stopped[name].set()
