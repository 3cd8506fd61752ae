"""Burying the children of children, and nobody else's."""

import asyncio
import os
import subprocess
import sys

from mailstack.aio.clock import SystemClock
from mailstack.aio.prctl import become_subreaper
from mailstack.aio.reaper import bury_orphans


class QuickClock(SystemClock):
    """Lets a second pass in a millisecond."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 1000)


ADOPTER = """
import asyncio, os, sys
from tests.unit.aio.test_reaper import adopt
asyncio.run(adopt())
"""


async def adopt() -> None:
    """Adopt a grandchild that dies, and print what is left of it after a while."""
    become_subreaper()
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        grandchild = os.fork()
        if grandchild:
            os.write(writing, str(grandchild).encode())
        os._exit(0)
    os.waitpid(child, 0)  # noqa: ASYNC222 - in a process of its own
    orphan = int(os.read(reading, 20))
    burying = asyncio.ensure_future(bury_orphans(QuickClock()))
    async with asyncio.timeout(10):
        while os.path.exists(f"/proc/{orphan}"):  # noqa: ASYNC110, ASYNC240, PTH110 - no event tells
            await asyncio.sleep(0.001)
    burying.cancel()
    own = await asyncio.create_subprocess_exec("sleep", "0")
    print("buried", await own.wait())  # noqa: T201


def test_orphans_are_buried_and_own_children_are_not() -> None:
    """A dead orphan disappears; the status of a child of ours still reaches who waits for it."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ADOPTER],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "buried 0\n", done.stderr
