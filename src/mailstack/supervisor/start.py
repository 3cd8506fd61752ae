"""From a command line to a running supervisor: every check that can be made before, in order.

settings → topology → root → state folder → lock → leftovers → programs → ports → secrets → agents.
What fails is one line, and nothing has been started.
"""

import asyncio
import os
import resource
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from mailstack.agent import ledger, secrets, state
from mailstack.agent.options import Options
from mailstack.agent.site import Place
from mailstack.aio import lock
from mailstack.aio.prctl import become_subreaper
from mailstack.aio.process import Spawn
from mailstack.daemons import registry
from mailstack.daemons.accounts import account
from mailstack.daemons.contract import Daemon
from mailstack.errors import MailstackError, ServiceFailed
from mailstack.install import programs
from mailstack.settings import Settings
from mailstack.supervisor import checkup, control, ports
from mailstack.supervisor.logs import OWN
from mailstack.supervisor.supervisor import Supervisor
from mailstack.topology.problems import problems
from mailstack.topology.selection import on_one_machine
from mailstack.topology.stack import STACK

_OPEN_FILES: Final = 16_384
"""Dovecot and couchmail hold a descriptor per connection; the usual soft limit of 1,024 is a relic
of select(2)."""


async def check_first(options: Options) -> None:
    """Look for what can be seen to be wrong before anything is made or installed.

    Ports only where there is no state yet: else leftovers of ours may hold them, and end first.

    Raises:
        MailstackError: in one line, what is wrong and what to do.
    """
    settings = options.settings()
    check_topology()
    state.check_root()
    state.check(options.state)
    if not options.state.exists():
        names = daemons_of_the_stack(settings)
        (await ports.hold(_sockets(settings, names), lambda _: None)).close()


async def supervise(
    options: Options,
    on_line: Callable[[str, str], None],
    starter: socket.socket | None = None,
    spawn: Spawn | None = None,
) -> None:
    """Check everything, then run the stack until it is stopped. ``starter`` asks as a client does.

    Raises:
        MailstackError: a check failed, or a service did not come up.
    """
    settings = options.settings()
    check_topology()
    state.check_root()
    services = [service.name for service in on_one_machine(STACK, settings)]
    state.lay_out(options.state, services)
    with _only_supervisor(options.state):
        _check_none_runs_alone(options.state, services)
        await _end_leftovers(options.state, on_line)
        daemons = daemons_of_the_stack(settings)
        programs.check(daemons.values())
        with await ports.hold(_sockets(settings, daemons), partial(on_line, OWN)):
            await secrets.ensure(options.state / "secure", settings, _owners())
            set_up_process()
            place, reread = Place(STACK, options.state), options.settings
            supervisor = Supervisor(
                place, settings, reread, options.config, daemons, on_line, spawn
            )
            await _run(options, supervisor, starter)


def daemons_of_the_stack(settings: Settings) -> Mapping[str, Daemon]:
    wanted = on_one_machine(STACK, settings)
    return {service.name: registry.daemon(service.name) for service in wanted}


def check_topology() -> None:
    found = problems(STACK)
    if found:
        raise ServiceFailed(f"the declaration of the stack is wrong: {found[0]}")


@contextmanager
def _only_supervisor(folder: Path) -> Iterator[None]:
    try:
        held = lock.take(state.supervisor_lock(folder))
    except lock.Locked as error:
        raise ServiceFailed(
            f"process {error.holder} runs the stack in {folder} already",
            advice="see 'mailstack status', or give this one another --state",
        ) from None
    try:
        yield
    finally:
        held.release()


def _check_none_runs_alone(folder: Path, services: Iterable[str]) -> None:
    for service in services:
        path = state.service_lock(folder, service)
        if lock.is_held(path):
            raise ServiceFailed(
                f"process {lock.holder(path)} runs {service} of {folder} by itself",
                advice="stop that first",
            )


async def _end_leftovers(folder: Path, on_line: Callable[[str, str], None]) -> None:
    ended = await ledger.end_leftovers(folder)
    if ended:
        on_line(OWN, f"ended {ended} processes that an earlier run had left behind")


def _sockets(settings: Settings, services: Iterable[str]) -> Iterator[ports.Wanted]:
    listen = settings.listen
    return ports.wanted(
        STACK,
        services,
        public_host=listen.address,
        offset=listen.port_offset,
        balanced=bool(listen.proxy_networks),
    )


def _owners() -> secrets.Owners:
    def uid(service: str) -> int:
        return account(STACK.service(service).account).uid

    return secrets.Owners(dkim=uid("opendkim"), token=uid("couchmail"))


def set_up_process() -> None:
    """Ask the kernel for what this process needs, and what it starts inherits."""
    os.umask(0o022)
    become_subreaper()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _run(options: Options, supervisor: Supervisor, starter: socket.socket | None) -> None:
    path = control.path(options.state)
    path.unlink(missing_ok=True)  # we hold the lock, so it is nobody's
    async with asyncio.TaskGroup() as conversations:

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            conversations.create_task(supervisor.control.converse(reader, writer))

        if starter is not None:
            begin(*await asyncio.open_unix_connection(sock=starter))
        server = await asyncio.start_unix_server(begin, path, limit=control.MAX_LINE)
        path.chmod(0o600)
        examinations = conversations.create_task(checkup.repeat(options))
        async with server:
            failure = await _run_to_the_end(supervisor)
        examinations.cancel()
        path.unlink(missing_ok=True)
    if failure is not None:
        raise failure


async def _run_to_the_end(supervisor: Supervisor) -> MailstackError | None:
    """Return the failure instead of raising it: whoever waits for the end must hear of it first."""
    try:
        await supervisor.run()
    except MailstackError as error:
        supervisor.board.tell({"failed": str(error)})
        return error
    supervisor.board.tell({"stopped": True})
    return None
