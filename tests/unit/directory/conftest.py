"""A directory over a small store, filled by each test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.unit.store.samples import domain, user

from mailstack.directory import Directory
from mailstack.model.documents import Document
from mailstack.store.contract import Put
from mailstack.store.sqlite import SqliteStore

OWNER = "owner@example.org"

Fill = Callable[..., Awaitable[None]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(tmp_path / "store.db", create=True) as opened:
        await opened.apply([Put(domain()), Put(user(OWNER)), Put(user("ann@example.org"))])
        yield opened


@pytest.fixture
def directory(store: SqliteStore) -> Directory:
    return Directory(store, delimiter="+", owner_email=OWNER)


@pytest.fixture
def fill(store: SqliteStore) -> Fill:
    async def put(*documents: Document) -> None:
        await store.apply([Put(document) for document in documents])

    return put
