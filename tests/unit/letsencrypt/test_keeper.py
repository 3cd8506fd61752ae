"""Who has errands done, and when: one at a time, and after each change."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from mailstack.aio.http import Request
from mailstack.letsencrypt.errand import Result, Wish
from mailstack.letsencrypt.keeper import Keeper
from mailstack.letsencrypt.operations import Operations
from mailstack.letsencrypt.pages import PublicPages
from mailstack.letsencrypt.plan import DAY_S, SETTLE_S, Plan, load

NAMES = ("mail.example.org", "mta-sts.example.org")
PATIENCE_S = 60.0


class World:
    """A clock, and somebody who does errands."""

    def __init__(self, folder: Path) -> None:
        self.time = 1_000_000.0
        self.results: asyncio.Queue[Result | Exception] = asyncio.Queue()
        self.wishes: asyncio.Queue[Wish] = asyncio.Queue()
        self.folder = folder
        self.keeper = Keeper(
            self.do,
            Plan(look_s=DAY_S),
            folder / "plan.json",
            folder / "fullchain.pem",
            lambda: self.time,
        )

    async def do(self, wish: Wish) -> Result:
        self.wishes.put_nowait(wish)
        result = await self.results.get()
        if isinstance(result, Exception):
            raise result
        return result

    def issued(self, *names: str, dropped: str = "") -> Result:
        return Result(
            "issued",
            begins=self.time,
            expires=self.time + 90 * DAY_S,
            due=self.time + 60 * DAY_S,
            names=names,
            asked=names,
            dropped={dropped: "NXDOMAIN"} if dropped else {},
        )

    async def wish(self) -> Wish:
        async with asyncio.timeout(PATIENCE_S):
            return await self.wishes.get()

    async def done(self, result: Result) -> None:
        """Answer the errand that is under way, and wait until it is noted."""
        noted = self.keeper.plan
        self.results.put_nowait(result)
        async with asyncio.timeout(PATIENCE_S):
            while noted.last is not result:  # noqa: ASYNC110 - the keeper tells nobody
                await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.keeper.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def look(self) -> None:
        """Have the keeper look at the clock now, and not only once a minute."""
        self.keeper._wake.set()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_the_first_order(world: World) -> None:
    """It begins when the names are known, and what came of it is kept."""
    async with world.running():
        await asyncio.sleep(0)
        assert world.wishes.empty()
        world.keeper.hold(NAMES)
        assert await world.wish() == Wish(NAMES)
        await world.done(world.issued(*NAMES))
    assert load(world.folder / "plan.json").last == world.keeper.plan.last
    assert world.keeper.issued == 1


async def test_renewal_in_time(world: World) -> None:
    """When two thirds of the life are over an errand is asked for, without any other reason."""
    async with world.running():
        world.keeper.hold(NAMES)
        await world.wish()
        result = world.issued(*NAMES)
        await world.done(result)
        world.time = result.due + 1
        world.look()
        assert await world.wish() == Wish(NAMES)


async def test_a_domain_comes(world: World) -> None:
    """Several changes in a row are one errand, for all of them."""
    async with world.running():
        world.keeper.hold(NAMES)
        await world.wish()
        await world.done(world.issued(*NAMES))
        world.keeper.hold((*NAMES, "mail.example.net"))
        world.keeper.hold((*NAMES, "mail.example.net", "mail.example.com"))
        await asyncio.sleep(0)
        assert world.wishes.empty()
        world.time += SETTLE_S + 1
        world.look()
        assert (await world.wish()).names == (*NAMES, "mail.example.net", "mail.example.com")
        assert world.wishes.empty()


async def test_what_was_left_out_is_tried_again(world: World) -> None:
    """A name that could not be proved is asked for again, in an errand that may come to nothing."""
    async with world.running():
        world.keeper.hold(NAMES)
        await world.wish()
        await world.done(world.issued(*NAMES, dropped=NAMES[1]))
        world.time += 3600
        world.look()
        assert await world.wish() == Wish(NAMES, complete=True)


async def test_a_file_that_somebody_exchanged_is_looked_at(world: World) -> None:
    """Whoever replaces the certificate is a reason to look."""
    async with world.running():
        world.keeper.hold(NAMES)
        await world.wish()
        await world.done(world.issued(*NAMES))
        (world.folder / "fullchain.pem").write_text("another one")
        world.look()
        assert await world.wish() == Wish(NAMES)


async def test_nobody_does_it_for_now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that is not there is waited for; that is no failure of an order."""
    monkeypatch.setattr(world.keeper._unreachable, "first_s", 0.0)
    world.results.put_nowait(ConnectionRefusedError())
    async with world.running():
        world.keeper.hold(NAMES)
        assert await world.wish() == await world.wish() == Wish(NAMES)
        await world.done(world.issued(*NAMES))
    assert world.keeper.plan.failures == 0


async def test_one_at_a_time(world: World) -> None:
    """Who asks while an errand is under way waits for it, and has an own one."""
    world.keeper.hold(NAMES)
    both = [asyncio.ensure_future(world.keeper.errand(force=force)) for force in (False, True)]
    first = await world.wish()
    await asyncio.sleep(0)
    assert world.wishes.empty()
    world.results.put_nowait(world.issued(*NAMES))
    second = await world.wish()
    world.results.put_nowait(world.issued(*NAMES))
    await asyncio.gather(*both)
    assert [first.force, second.force] == [False, True]


def _operations(world: World) -> Operations:
    pages = PublicPages(world.folder, "mail.example.org", 0)
    return Operations(world.keeper, pages, "token", lambda: 0)


async def _ask(world: World, *path: str) -> tuple[int, str]:
    answer = await _operations(world).answer(Request("GET", path, {}))
    return answer.status, answer.body.decode()


async def _after(world: World, result: Result) -> None:
    world.results.put_nowait(result)
    await world.keeper.errand()


async def test_readiness_is_the_certificates(world: World) -> None:
    """Not ready before the first look and after a failure, and why; ready once it is well."""
    assert (await _ask(world, "readyz"))[0] == 503
    world.time = 4_000_000_000.0
    await _after(world, world.issued(*NAMES))
    assert await _ask(world, "readyz") == (200, "ok\n")
    await _after(world, Result("failed", "the authority is away", expires=world.time + 10))
    status, words = await _ask(world, "readyz")
    assert status == 503
    assert "the authority is away; the next try is at" in words
    assert (await _ask(world, "healthz"))[0] == 200


async def test_remarks(world: World) -> None:
    """What an owner should know is one line: what failed, what is left out, whose it is."""
    for result, words in (
        (Result("owners"), "your own"),
        (Result("kept", dropped={"a.example": "NXDOMAIN", "b.example": "no"}), "a.example (and 1"),
        (Result("failed", "no", expires=1.0), "has expired at 1970-01-01"),
    ):
        await _after(world, result)
        remark = json.loads((await _ask(world, "status"))[1])["remark"]
        assert words in remark
        assert "\n" not in remark


async def test_numbers(world: World) -> None:
    """They are there from the start, and follow what happens."""
    assert 'expiry_seconds{service="letsencrypt"} 0\n' in (await _ask(world, "metrics"))[1]
    await _after(world, Result("failed", "no", expires=77.0))
    page = (await _ask(world, "metrics"))[1]
    assert 'mailstack_certificate_expiry_seconds{service="letsencrypt"} 77\n' in page
    assert 'mailstack_certificate_failures{service="letsencrypt"} 1\n' in page
    assert 'mailstack_certificate_failed_total{service="letsencrypt"} 1\n' in page


async def test_renewal_on_demand_needs_the_token(world: World) -> None:
    """Whoever else is on this machine cannot have the authority's patience used up."""
    operations = _operations(world)
    for headers in ({}, {"authorization": "Bearer wrong"}):
        request = Request("POST", ("renew",), headers, b'{"force": true}')
        assert (await operations.answer(request)).status == 401
    right = {"authorization": "Bearer token"}
    for body in (b"", b"[]", b"{}"):
        assert (await operations.answer(Request("POST", ("renew",), right, body))).status == 400
    world.results.put_nowait(world.issued(*NAMES))
    answer = await operations.answer(Request("POST", ("renew",), right, b'{"force": true}'))
    assert (await world.wish()).force
    assert Result.decode(answer.body).names == NAMES
    assert (await _ask(world, "nothing"))[0] == 404
