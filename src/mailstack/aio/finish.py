"""Clean up to the end, although the task that has to do so is being cancelled.

Two reasons for a task of its own. A second cancellation must not leave a daemon running. And in
Python 3.11.2, which Debian 12 has, ``asyncio.timeout`` inside a task that was cancelled raises
``CancelledError`` where it should raise ``TimeoutError`` (its ``__aexit__`` compares the count of
cancellations with 0), so the step after the timeout, SIGKILL, would never come.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` to its end; a cancellation that comes meanwhile is passed on afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
