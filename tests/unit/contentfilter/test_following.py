"""The filter knows who has a profile of their own, from couchmail itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.unit.couchmail.running import TOKEN, Running, running

from mailstack.aio.backoff import Backoff
from mailstack.contentfilter.following import Following
from mailstack.contentfilter.profiles import Own
from mailstack.feed import Reader
from mailstack.topology.model import Endpoint

ALICE, BOB = "alice@example.org", "bob@example.org"


@pytest.fixture
async def couchmail() -> AsyncIterator[Running]:
    async with running() as service:
        yield service


@asynccontextmanager
async def following(couchmail: Running, own: Own) -> AsyncIterator[None]:
    reader = Reader(Endpoint("127.0.0.1", couchmail.ports["api"]), TOKEN)
    task = asyncio.create_task(Following(own, reader).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a set has no event
            await asyncio.sleep(0.005)


async def put(couchmail: Running, path: str, fields: dict[str, object]) -> None:
    async with couchmail.on_socket() as client:
        (await client.put(f"/v1/users/{path}", json=fields)).raise_for_status()


async def test_what_is_there_at_the_start(
    couchmail: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages are read; who only shares training, or has trained too little, is not listed."""
    monkeypatch.setattr("mailstack.feed.PAGE", 1)
    await put(couchmail, f"{ALICE}/spam", {"threshold": 3})
    await put(couchmail, f"{BOB}/spam", {"share_training": True})
    await put(couchmail, f"{ALICE}/training", {"own_bayes": False})
    await put(couchmail, f"{BOB}/training", {"own_bayes": True})
    own = Own()
    async with following(couchmail, own):
        await until(lambda: own.known)
    assert (own.by_wish, own.by_training) == ({ALICE}, {BOB})
    assert ALICE in own
    assert BOB in own
    assert "carol@example.org" not in own
    assert len(own) == 2


async def test_a_change_counts_at_once(couchmail: Running) -> None:
    """A profile written, emptied or removed with its user is known as soon as it is stored."""
    own = Own()
    async with following(couchmail, own), couchmail.on_socket() as client:
        await until(lambda: own.known)
        assert ALICE not in own
        await put(couchmail, f"{ALICE}/spam", {"block": ["*@*.zip"]})
        await until(lambda: ALICE in own)
        await put(couchmail, f"{ALICE}/spam", {})
        await until(lambda: ALICE not in own)
        await put(couchmail, f"{BOB}/training", {"own_bayes": True})
        await until(lambda: BOB in own)
        await client.delete(f"/v1/users/{BOB}")
        await until(lambda: BOB not in own)


async def test_without_couchmail_what_is_known_stays(
    couchmail: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody loses a profile because the datastore cannot be asked."""
    await put(couchmail, f"{ALICE}/spam", {"threshold": 3})
    own = Own()
    async with following(couchmail, own):
        await until(lambda: own.known)
        couchmail.stop.set()
        await couchmail.task
        await until(lambda: "cannot follow the datastore" in caplog.text)
        assert ALICE in own
        assert BOB not in own


async def test_before_couchmail_answers_everybody_counts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A filter that started first treats everybody as having a profile, and asks again."""
    asked = asyncio.Event()

    class _Patient(Backoff):
        def next_s(self) -> float:
            asked.set()
            return super().next_s()

    monkeypatch.setattr("mailstack.contentfilter.following.Backoff", _Patient)
    own = Own()
    task = asyncio.create_task(Following(own, Reader(Endpoint("127.0.0.1", 1), TOKEN)).run())
    async with asyncio.timeout(5):
        await asked.wait()
    task.cancel()
    await asyncio.wait({task})
    assert "cannot be read" in caplog.text
    assert BOB in own


async def test_a_store_that_went_back_is_read_anew(couchmail: Running) -> None:
    """After a backup was put back, what it has not is forgotten."""
    own = Own()
    database = couchmail.config.database
    async with following(couchmail, own), couchmail.on_socket() as client:
        kept = (await client.post("/v1/backup")).json()["file"]
        await put(couchmail, f"{ALICE}/spam", {"threshold": 3})
        await until(lambda: ALICE in own and own.known)
        await asyncio.to_thread(Path(kept).replace, database)
        await until(lambda: ALICE not in own)
