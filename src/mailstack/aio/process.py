"""Start a program in the foreground, read what it prints, end it with everything it started.

Each program gets a session of its own, so that what it forks can be found and ended with it, and
is started through setpriv(1), which drops to the account and asks the kernel to end the program
when we die, and then becomes the program: the pid is the program's own. (A function of ours
between fork and exec would do the same, but Python cannot run one safely beside threads.)
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from mailstack.aio import proc
from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.aio.finish import finish
from mailstack.aio.lines import LineSplitter

OnLine = Callable[[str], None]
_POLL_S: Final = 0.02
"""Between two looks at a session that is to end: there is no event for "the last one is gone"."""
_DRAIN_S: Final = 0.2
"""For the last words of a program whose grandchild still holds the pipe."""
_UNKILLABLE_S: Final = 5.0
"""After SIGKILL: a process stuck in the kernel (state D) must not keep us from ending."""


class Child(Protocol):
    """What was started, for whoever started it."""

    @property
    def pid(self) -> int: ...
    async def wait(self) -> int: ...
    def send_signal(self, number: int, /) -> None: ...


Spawn = Callable[[Sequence[str], Mapping[str, str], int], Awaitable[Child]]
"""Starts a command line in an environment and a session of its own; the descriptor takes what it
prints."""


@dataclass(slots=True)
class Process:
    """A running program. ``pid`` is also the number of its session."""

    pid: int
    started: int
    """Clock ticks after boot, as ``proc.Entry.started``."""
    _child: Child = field(repr=False)
    _output: "_Output" = field(repr=False)

    async def wait(self) -> int:
        """Wait for the end; return the status, negative after a signal."""
        return await self._child.wait()

    def send(self, number: signal.Signals) -> None:
        """Signal the program alone; harmless when it is gone."""
        with suppress(ProcessLookupError):
            self._child.send_signal(number)

    async def stop(self, timeout_s: float) -> int:
        """SIGTERM, and SIGKILL after ``timeout_s``; then end whatever it left behind."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_s):
                await self._child.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
        status = await self._child.wait()
        await self.sweep()
        return status

    async def sweep(self, grace_s: float = 1.0) -> None:
        """End what the dead program left in its session: SIGTERM first, SIGKILL after the grace."""
        await end_sessions({self.pid: self.started}, grace_s)
        await self._output.close()


@dataclass(slots=True)
class _Output(asyncio.Protocol):
    """The reading end of a program's standard output and error. Never lets the program wait."""

    on_line: OnLine
    splitter: LineSplitter = field(default_factory=LineSplitter)
    transport: asyncio.BaseTransport | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for line in self.splitter.feed(data):
            self.on_line(line)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        for line in self.splitter.rest():
            self.on_line(line)
        self.ended.set()

    async def close(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self.ended.wait()
        if self.transport is not None:
            self.transport.close()


async def start(
    argv: Sequence[str],
    *,
    on_line: OnLine,
    uid: int = 0,
    gid: int = 0,
    groups: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    stdin: int = asyncio.subprocess.DEVNULL,
    spawn: Spawn | None = None,
) -> Process:
    """Run ``argv`` (never a shell) in the foreground, as an account, in a minimal environment.

    ``stdin`` is a file descriptor for it to inherit as standard input. ``spawn`` may begin it in
    another way than is usual, without standard input.

    Raises:
        OSError: no program could be started.
    """
    wrapped = as_account(argv, uid, gid, groups)
    environment = {**MINIMAL_ENVIRONMENT, **(env or {})}
    begin = spawn or partial(execute, stdin=stdin)
    starting = asyncio.ensure_future(_start(wrapped, on_line, environment, begin))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # cancelled between fork and here, the program would run on, known to nobody
        await finish(_end(starting))
        raise


async def _end(starting: asyncio.Future[Process]) -> None:
    await (await starting).stop(timeout_s=0)


async def execute(
    argv: Sequence[str],
    env: Mapping[str, str],
    output: int,
    *,
    stdin: int = asyncio.subprocess.DEVNULL,
) -> Child:
    """Start a program as is usual."""
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=stdin,
        stdout=output,
        stderr=output,
        cwd="/",
        env=env,
        start_new_session=True,
    )


async def _start(
    argv: Sequence[str], on_line: OnLine, env: Mapping[str, str], spawn: Spawn
) -> Process:
    reading, writing = os.pipe()
    try:
        child = await spawn(argv, env, writing)
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    _, output = await asyncio.get_running_loop().connect_read_pipe(
        lambda: _Output(on_line), os.fdopen(reading, "rb", buffering=0)
    )
    seen = proc.entry(child.pid)
    return Process(child.pid, seen.started if seen else 0, child, output)


def as_account(argv: Sequence[str], uid: int, gid: int, groups: Sequence[int]) -> list[str]:
    """Wrap ``argv`` in setpriv(1): account, and SIGTERM for the program when its parent dies.

    What would start as root to become its account by itself starts as us where we are not root: in
    a container of its own, which has that account already.
    """
    wrapped = []
    stays = uid == 0 and os.geteuid() != 0
    if not stays and (uid, gid) != (os.geteuid(), os.getegid()):
        keep = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
        wrapped += ["setpriv", "--reuid", str(uid), "--regid", str(gid), *keep, "--"]
    # a call of its own, after the other: with the account the kernel forgets this wish
    return [*wrapped, "setpriv", "--pdeathsig", "TERM", "--", *argv]


async def end_sessions(sessions: Mapping[int, int], grace_s: float) -> int:
    """End every process of ``sessions`` (number → start of its leader); return how many.

    A session whose number now belongs to a younger leader is somebody else's, and is left alone.
    """
    ended = proc.kill_all(_members(sessions), signal.SIGTERM)
    now = asyncio.get_running_loop().time
    kill_at, give_up_at = now() + grace_s, now() + grace_s + _UNKILLABLE_S
    while (remaining := _members(sessions)) and now() < give_up_at:
        if now() >= kill_at:
            proc.kill_all(remaining, signal.SIGKILL)
        await asyncio.sleep(_POLL_S)
    return ended


def _members(sessions: Mapping[int, int]) -> list[proc.Entry]:
    among = proc.everything()
    ours = [
        number
        for number, started in sessions.items()
        if number not in among or among[number].started == started
    ]
    oldest = min(sessions.values(), default=0)
    return [found for found in proc.tree(ours, among) if found.started >= oldest]
