"""Programs in the foreground, and all that they leave."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from mailstack.aio import proc, process

Start = Callable[..., "asyncio.Future[process.Process]"]


class Runner:
    """Starts programs of a few lines of Python, and hears what they print."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.started: list[process.Process] = []

    async def start(self, program: str, *, uid: int = 0, gid: int = 0) -> process.Process:
        argv = [sys.executable, "-I", "-S", "-c", program]
        if uid:
            argv = ["/usr/bin/python3", "-I", "-S", "-c", program]
        started = await process.start(
            argv, on_line=self.lines.put_nowait, uid=uid, gid=gid, env={"MARK": "yes"}
        )
        self.started.append(started)
        return started

    async def line(self) -> str:
        async with asyncio.timeout(10):
            return await self.lines.get()


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    made = Runner()
    yield made
    for started in made.started:
        await started.stop(timeout_s=0)


async def test_output_and_status(runner: Runner) -> None:
    """Both outputs arrive as lines, the last without a newline too; the status tells the end."""
    started = await runner.start("import sys; print('out', flush=True); sys.exit('last words')")
    assert await started.wait() == 1
    assert [await runner.line(), await runner.line()] == ["out", "last words"]


async def test_minimal_environment(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon inherits nothing of the caller's shell."""
    monkeypatch.setenv("SECRET", "of the shell")
    await runner.start("import os; print(sorted(os.environ), flush=True)")
    names = await runner.line()
    assert "MARK" in names
    assert "PATH" in names
    assert "SECRET" not in names


async def test_own_session_and_death_with_the_parent(runner: Runner) -> None:
    """A program leads a session of its own, and gets SIGTERM when its parent dies."""
    started = await runner.start(
        "import ctypes, os\n"
        "signal = ctypes.c_int()\n"
        "ctypes.CDLL(None).prctl(2, ctypes.byref(signal), 0, 0, 0)\n"  # PR_GET_PDEATHSIG
        "print(os.getpid() == os.getsid(0), signal.value, flush=True)\n"
    )
    assert await runner.line() == "True 15"
    assert started.started > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
async def test_another_account(runner: Runner) -> None:
    """A program runs as its account, without root's groups."""
    await runner.start(
        "import os; print(os.getresuid(), os.getresgid(), os.getgroups(), flush=True)",
        uid=5001,
        gid=5001,
    )
    assert await runner.line() == "(5001, 5001, 5001) (5001, 5001, 5001) []"


async def test_leftovers_of_a_dead_program(runner: Runner) -> None:
    """What a program left in its session is ended after it, though it holds the output open."""
    started = await runner.start(
        "import os, time\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True); os._exit(0)\n"
        "time.sleep(600)"
    )
    child = int(await runner.line())
    assert await started.wait() == 0
    assert (proc.entry(child) or pytest.fail("the child lives")).alive
    await started.sweep(grace_s=5)
    left = proc.entry(child)
    assert left is None or not left.alive


async def test_somebody_elses_session_is_left_alone(runner: Runner) -> None:
    """A pid that was used again belongs to a stranger, who must not be ended."""
    started = await runner.start("print('up', flush=True); import time; time.sleep(600)")
    assert await runner.line() == "up"
    assert await process.end_sessions({started.pid: started.started - 1}, grace_s=0) == 0
    found = proc.entry(started.pid)
    assert found is not None
    assert found.alive
