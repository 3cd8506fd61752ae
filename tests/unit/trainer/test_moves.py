"""Reports of moves, put together."""

import asyncio

from mailstack.model.addresses import Address
from mailstack.trainer import moves
from mailstack.trainer.moves import Moves

ANNA, BEN = Address("anna@example.org"), Address("ben@example.org")


async def test_many_moves_are_one_lesson() -> None:
    """Who moves fifty messages is learnt from once; everybody gets a turn."""
    learnt: asyncio.Queue[Address] = asyncio.Queue()
    reported = Moves(learnt.put, quiet_s=0.01, latest_s=0.05)
    running = asyncio.create_task(reported.run())
    for _ in range(50):
        assert reported.moved(ANNA)
    reported.moved(BEN)
    async with asyncio.timeout(5):
        assert {await learnt.get(), await learnt.get()} == {ANNA, BEN}
    assert (learnt.qsize(), reported.waiting) == (0, 0)
    running.cancel()


async def test_a_user_who_never_stops_moving() -> None:
    """Is learnt from all the same."""
    learnt = asyncio.Event()

    async def learn(_: Address) -> None:
        learnt.set()

    reported = Moves(learn, quiet_s=0.05, latest_s=0.1)
    running = asyncio.create_task(reported.run())
    async with asyncio.timeout(5):
        while not learnt.is_set():
            reported.moved(ANNA)
            await asyncio.sleep(0.01)
    running.cancel()


async def test_there_is_a_bound() -> None:
    """More users than that are left to the night."""

    async def never(_: Address) -> None:
        await asyncio.Event().wait()

    reported = Moves(never)
    for number in range(moves.MAX_WAITING):
        assert reported.moved(Address(f"u{number}@example.org"))
    assert not reported.moved(ANNA)
    assert reported.moved(Address("u1@example.org"))
