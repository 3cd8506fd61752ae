"""One agent by itself: process 1 of a container, or one service run by hand on this machine.

Process 1 has no default signal handling and inherits every orphan (signal(7), kill(2)), so it
handles SIGTERM and buries the dead. Lines of the daemon go to standard output as they are.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from mailstack.agent import alerts, ledger, pod
from mailstack.agent.agent import Agent
from mailstack.agent.life import Surroundings
from mailstack.agent.options import Options
from mailstack.agent.output import Output
from mailstack.agent.probes import Rhythm
from mailstack.agent.site import Place
from mailstack.agent.state import check_root, lay_out, service_lock, supervisor_lock
from mailstack.agent.watch import certificate_folders, changes
from mailstack.aio import lock
from mailstack.aio.clock import SystemClock
from mailstack.aio.prctl import become_subreaper
from mailstack.aio.reaper import bury_orphans
from mailstack.daemons import registry
from mailstack.daemons.contract import Daemon, Paths
from mailstack.errors import ConfigError, MailstackError, ServiceFailed
from mailstack.install import programs
from mailstack.observe.health import Health
from mailstack.settings import Settings
from mailstack.topology.stack import STACK


async def run_alone(options: Options, service: str, *, in_pod: bool) -> None:
    """Run the agent of ``service`` until SIGTERM or SIGINT.

    The secrets it needs are there already: from a mounted Secret, or from an earlier ``up``.

    Raises:
        MailstackError: it did not come up.
    """
    if service not in registry.PACKAGES:
        raise ServiceFailed(
            f"there is no service {service!r}", advice=f"one of {', '.join(registry.PACKAGES)}"
        )
    settings = options.settings()
    if not in_pod:
        check_root()
    daemon = registry.daemon(service)
    lay_out(options.state, [service])
    with _only_one(options.state, service):
        await ledger.end_leftovers(options.state, service)
        programs.check([daemon])
        become_subreaper()
        around = _surroundings(daemon, ledger.Ledger(ledger.folder(options.state) / service))
        await _run(service, around, options, settings, in_pod=in_pod)


async def _run(
    service: str, around: Surroundings, options: Options, settings: Settings, *, in_pod: bool
) -> None:
    pod_ = pod.Pod(service, around.health, settings, kept=options.state / "run")
    place = Place(STACK, options.state, in_pod=in_pod, hosts=pod_.hosts)
    agent = Agent(around, settings, partial(place.site, service), _no_gate)
    async with AsyncExitStack() as beside:
        if in_pod:
            around.rhythm = pod.RHYTHM
            pod_.listen_to(around.output)
            around.needs_are_healthy = lambda: pod_.needs_answer
            await beside.enter_async_context(pod_.answering())
            await beside.enter_async_context(_telling_the_cluster(service, around))
        try:
            await _run_until_told(agent, options, pod_ if in_pod else None)
        except BaseExceptionGroup as group:
            raise _first(group) from group


@asynccontextmanager
async def _telling_the_cluster(service: str, around: Surroundings) -> AsyncIterator[None]:
    """Meanwhile alerts are Events, where the pod may make them."""
    if alerts.POD not in os.environ:
        yield
        return
    from mailstack.agent.events import events  # noqa: PLC0415 - a client of HTTP, for this alone

    made = events(service, around.output.say)
    around.alert = made.alert
    async with made.sending():
        yield


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one that a person is told: the agent's, out of the groups of its tasks."""
    one: BaseException = group.subgroup(MailstackError) or group
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    return one


@contextmanager
def _only_one(state: Path, service: str) -> Iterator[None]:
    for path in (supervisor_lock(state), service_lock(state, service)):
        if lock.is_held(path):
            raise ServiceFailed(
                f"process {lock.holder(path)} runs {service} of {state} already",
                advice="stop that first, or give this one another --state",
            )
    held = lock.take(service_lock(state, service))
    try:
        yield
    finally:
        held.release()


def _surroundings(daemon: Daemon, page: ledger.Ledger) -> Surroundings:
    return Surroundings(
        daemon=daemon,
        health=Health(daemon.name, _tell),
        ledger=page,
        clock=SystemClock(),
        rhythm=Rhythm(),
        output=Output(_print),
    )


async def _no_gate() -> None:
    """On a cluster nobody knows who is healthy elsewhere: the probes decide, and retry."""


async def _run_until_told(agent: Agent, options: Options, pod_: pod.Pod | None) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with asyncio.TaskGroup() as tasks:
        others = [
            tasks.create_task(work)
            for work in (bury_orphans(agent.around.clock), _follow(agent, options))
        ]
        running = tasks.create_task(agent.run() if pod_ is None else pod_.run(agent))
        await told.wait()
        running.cancel()
        await asyncio.wait({running})
        for task in others:
            task.cancel()


async def _follow(agent: Agent, options: Options) -> None:
    paths = Paths(options.state, agent.service)
    folders = [paths.overrides]
    if "tls" in STACK.service(agent.service).secrets:
        folders += certificate_folders(paths.secure)
    async for _ in changes(options.config, folders):
        try:
            agent.look_again(options.settings())
        except ConfigError as error:
            agent.refuse(str(error))


def _tell(health: Health) -> None:
    reason = f": {health.reason}" if health.reason else ""
    _print(f"mailstack: {health.service} is {health.state.value}{reason}")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
