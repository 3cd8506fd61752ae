"""Blocking work that nobody has to wait for."""

import asyncio
import threading

import pytest

from mailstack.aio.aside import aside

PATIENCE_S = 60.0


async def test_it_is_waited_for_and_its_error_is_raised() -> None:
    """As if it had been called, in another thread."""
    where: list[str] = []
    await aside(lambda: where.append(threading.current_thread().name))
    assert where != [threading.current_thread().name]
    with pytest.raises(IndexError):
        await aside(lambda: where.remove([].pop()))


async def test_it_can_be_given_up() -> None:
    """The work goes on without anybody, and its late end disturbs nobody."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)
        ended.set()

    task = asyncio.ensure_future(aside(work))
    await asyncio.to_thread(begun.wait, PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert await asyncio.to_thread(ended.wait, PATIENCE_S)


def test_a_loop_that_has_ended_is_no_harm() -> None:
    """Neither does the loop wait for the work, nor the work fail of it."""
    go_on, ended = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(PATIENCE_S)
        ended.set()

    async def give_up() -> None:
        task = asyncio.ensure_future(aside(work))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(give_up())
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(PATIENCE_S)
