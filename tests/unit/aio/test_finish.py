"""Cleaning up in a task that is being cancelled."""

import asyncio
from contextlib import suppress

import pytest

from mailstack.aio.finish import finish


async def test_timeouts_work_while_cancelled() -> None:
    """A timeout inside the work ends as a timeout: what comes after it is done."""
    steps = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            steps.append("timeout")

    async def cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await finish(work())

    task = asyncio.ensure_future(cancelled())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["timeout"]


async def test_second_cancellation_waits() -> None:
    """A cancellation meanwhile is passed on, but only after the work is done."""
    done, go = [], asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.append(True)

    task = asyncio.ensure_future(finish(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    go.set()
    with suppress(asyncio.CancelledError):
        await task
    assert done
    assert task.cancelled()


async def test_result_and_error() -> None:
    """Without a cancellation it is a plain await."""

    async def fail() -> None:
        raise ValueError("no")

    assert await finish(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(ValueError, match="no"):
        await finish(fail())
