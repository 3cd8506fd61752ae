"""Which domains there are, and that silence is no word about any."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import pytest

from mailstack.errors import StoreUnavailable
from mailstack.feed import Changed, Page, Reader
from mailstack.letsencrypt import domains
from mailstack.letsencrypt.domains import watch
from mailstack.letsencrypt.names import MAX_NAMES, names_of

PATIENCE_S = 60.0


class Store:
    """Answers as ``feed.Reader`` does."""

    def __init__(self, *domains: str) -> None:
        self.items: list[Mapping[str, Any]] = [{"name": one} for one in domains]
        self.position = 7
        self.refusals = 0
        self.changed: asyncio.Queue[Changed] = asyncio.Queue()

    async def page(self, collection: str, after: str = "") -> Page:
        assert (collection, after) == ("domains", "")
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("not now")
        return Page(tuple(self.items), "", self.position)

    async def changes(self, since: int, wait_s: int) -> tuple[int, list[Changed]]:
        del wait_s
        assert since >= self.position
        return since + 1, [await self.changed.get()]


class Told:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.all: asyncio.Queue[list[str]] = asyncio.Queue()

    def __call__(self, domains: Sequence[str]) -> None:
        self.all.put_nowait(list(domains))

    async def next(self) -> list[str]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.all.get()


async def test_it_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told are the domains at the start and after each change of one, and nothing in an outage."""
    monkeypatch.setattr(domains, "_LONGEST_S", 0.0)
    store, told = Store("a.example"), Told()
    store.refusals = 3
    task = asyncio.ensure_future(watch(cast("Reader", store), told))
    assert await told.next() == ["a.example"]
    store.changed.put_nowait(Changed("user", "anna@a.example", removed=False))
    store.items += [{"name": "b.example", "enabled": True}, {"name": "c.example", "enabled": False}]
    store.refusals = 3
    store.changed.put_nowait(Changed("domain", "b.example", removed=False))
    assert await told.next() == ["a.example", "b.example"]
    store.items = []
    store.changed.put_nowait(Changed("domain", "a.example", removed=True))
    assert await told.next() == []
    assert told.all.empty()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_the_primary_domain_comes_first() -> None:
    """Where not all names fit, those of the server and of its own domain do."""
    many = [f"{number:03}.example" for number in range(100)]
    names = names_of("mail.home.example", [*many, "home.example"], "home.example")
    assert names[0] == "mail.home.example"
    assert {"mta-sts.home.example", "autoconfig.home.example"} < set(names[:MAX_NAMES])
    assert len(names) == 5 * 101
    assert len(set(names)) == len(names)
