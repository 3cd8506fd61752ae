"""Blocking work in a thread that nobody has to wait for.

``asyncio.to_thread`` keeps a process from ending until the work is done. This is for work that may
be given up at any moment: a request to somebody who does not answer.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress


async def aside(work: Callable[[], None]) -> None:
    """Do ``work`` in a thread that nobody waits for: neither who gives it up, nor the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failed: Exception | None = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is raised again, in the loop
            failed = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, failed)

    threading.Thread(target=run, daemon=True).start()
    await done
