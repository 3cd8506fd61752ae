"""Following couchmail's change feed, against an API that is played."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mailstack.aio.http import Answer, HttpServer, Request, bears, document, text
from mailstack.errors import StoreUnavailable
from mailstack.feed import Batch, Changed, Reader, follow
from mailstack.topology.model import Endpoint

TOKEN = "the-token"


@dataclass
class Api:
    """Answers one prepared page after the other, then waits as a long poll does."""

    pages: list[object]
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Answer:
        assert bears(request, TOKEN)
        if request.path == ("v1", "users", "anna@example.org", "spam"):
            return document({"owner": "anna@example.org", "threshold": 4.5})
        if request.path != ("v1", "changes"):
            return text(404, "no such document")
        if not self.pages:
            await asyncio.Event().wait()
        page = self.pages.pop(0)
        return document(page) if isinstance(page, dict) else text(503, "not now")


@asynccontextmanager
async def api(*pages: object) -> AsyncIterator[tuple[Api, Reader]]:
    played = Api(list(pages))
    tasks: set[asyncio.Task[None]] = set()
    http = HttpServer(played.answer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(http.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield played, Reader(Endpoint("127.0.0.1", server.sockets[0].getsockname()[1]), TOKEN)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def page(position: int, *names: str, removed: bool = False) -> dict[str, object]:
    revision = None if removed else "1"
    rows = [
        {"position": position, "type": "user", "name": name, "revision": revision} for name in names
    ]
    return {"changes": rows, "position": position}


async def first(batches: AsyncIterator[Batch], count: int) -> list[Batch]:
    async with asyncio.timeout(10):
        return [await anext(batches) for _ in range(count)]


async def test_everything_first_then_what_is_new() -> None:
    """The backlog comes page by page, its end is told, and then each change as it happens."""
    pages = (page(2, "a@x.org", "b@x.org"), page(3, "c@x.org"), page(3), page(4, "a@x.org"))
    async with api(*pages) as (_, reader):
        found = await first(follow(reader), 4)
    assert [[change.name for change in batch.changes] for batch in found] == [
        ["a@x.org", "b@x.org"],
        ["c@x.org"],
        [],
        ["a@x.org"],
    ]
    assert [batch.fresh for batch in found] == [True, False, False, False]
    assert [batch.caught_up for batch in found] == [False, False, True, False]


async def test_removals_are_told() -> None:
    """A change without a revision is a removal."""
    async with api(page(1, "a@x.org", removed=True)) as (_, reader):
        (batch,) = await first(follow(reader), 1)
    assert batch.changes == (Changed("user", "a@x.org", removed=True),)


async def test_an_outage_is_waited_out(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost when couchmail is away for a while, and it is said once."""
    pages = (page(1, "a@x.org"), "503", "503", page(2, "b@x.org"))
    async with api(*pages) as (_, reader):
        found = await first(follow(reader), 2)
    assert [batch.changes[0].name for batch in found] == ["a@x.org", "b@x.org"]
    assert caplog.text.count("cannot follow") == 1


async def test_a_store_that_went_back_in_time_begins_anew() -> None:
    """A position below ours means an older copy: everything is told again."""
    pages = (page(9, "a@x.org"), page(9), page(2, "b@x.org"), page(2, "b@x.org"), page(2))
    async with api(*pages) as (_, reader):
        found = await first(follow(reader), 4)
    assert [batch.fresh for batch in found] == [True, False, True, False]
    assert found[2].changes[0].name == "b@x.org"


async def test_one_document() -> None:
    """It is read whole; a missing one is told from one that cannot be read."""
    async with api() as (_, reader):
        assert (await reader.document("users", "anna@example.org", "spam")) == {
            "owner": "anna@example.org",
            "threshold": 4.5,
        }
        assert await reader.document("users", "bob@example.org", "spam") is None
    with pytest.raises(StoreUnavailable):
        await Reader(Endpoint("127.0.0.1", 1), TOKEN).document("users", "anna@example.org")
