"""The embedded datastore: one SQLite file, one writer, reads from the event loop's thread.

Memory is constant, whatever is stored. Only one process may write, but another one (a backup, a
shell) may read meanwhile.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from mailstack.errors import MailstackError, StoreUnavailable, WriteRefused
from mailstack.model.documents import Document, Key, Kind
from mailstack.store.contract import (
    ANY,
    Change,
    Expected,
    Put,
    Remove,
    Stored,
    Write,
)
from mailstack.store.sqlite import copies, feed, queries
from mailstack.store.sqlite.answers import StoreReader
from mailstack.store.sqlite.connect import connect, create, upgrade
from mailstack.store.sqlite.rows import place
from mailstack.store.sqlite.writer import Job, Writer
from mailstack.store.sqlite.writes import Transaction, run

PRUNE_AT_ONCE = 5000
"""Documents removed in one transaction; keeps each short, and memory small."""

T = TypeVar("T")


class Followers(Protocol):
    """Other processes that read the file."""

    def tell(self, failure: StoreUnavailable | None) -> None:
        """Let them see what was committed, or know of a fault, soon."""

    async def caught_up(self) -> None:
        """Return when they have seen what they were told; bounded."""


class Nobody:
    """No other process reads the file."""

    def tell(self, failure: StoreUnavailable | None) -> None: ...

    async def caught_up(self) -> None: ...


class SqliteStore(StoreReader):
    """See ``store/contract.py``, which this is one of.

    Args:
        path: the database file; its folder holds two more while it is open.
        delimiter: begins a tag in an address; needed to check aliases.
        create: make the file if it is missing. Never later: an empty store knows nobody, and
            would bounce all mail.
        wait: open the store although its file cannot be used now; everything raises
            ``StoreUnavailable`` until it can, which is noticed within a second.
        followers: have seen a write, too, before it counts as done.
    """

    def __init__(
        self,
        path: Path,
        *,
        delimiter: str = "+",
        create: bool = False,
        wait: bool = False,
        followers: Followers | None = None,
    ) -> None:
        super().__init__(path)
        self._delimiter = delimiter
        self._create = create
        self._wait = wait
        self._followers = followers or Nobody()
        self._writer = Writer(path, self._report)
        self._waiters = feed.Waiters()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            StoreUnavailable: it cannot be opened, and is not to be waited for.
        """
        try:
            await asyncio.to_thread(self._prepare)
            self._reader.reopen()
            self._waiters.tell(self.position())
            self._followers.tell(None)
        except StoreUnavailable as error:
            if not self._wait:
                raise
            self._reader.fail(error)
            self._followers.tell(error)
        self._loop = asyncio.get_running_loop()
        self._writer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop = None
        await self._writer.stop()
        self._reader.fail(StoreUnavailable(f"the datastore {self._path} is closed"))

    def _prepare(self) -> None:
        if self._create:
            create(self._path)
        else:
            upgrade(self._path)
        connect(self._path).close()

    # Documents

    def get(self, key: Key) -> Stored:
        return queries.get(self._reader, key)

    def page(
        self, kind: Kind, *, within: str = "", after: str = "", limit: int = 100
    ) -> list[Stored]:
        return queries.page(self._reader, kind, within=within, after=after, limit=limit)

    def count(self, kind: Kind) -> int:
        return queries.count(self._reader, kind)

    def documents(self) -> Iterator[Stored]:
        return copies.documents(self._path)

    # Changes

    def position(self) -> int:
        return feed.position(self._reader)

    def changes(self, since: int, limit: int = 1000) -> list[Change]:
        return feed.changes(self._reader, since, limit)

    async def wait_for_change(self, since: int, timeout_s: float) -> int:
        await self._waiters.wait(since, timeout_s)
        return self.position()

    def end_waiting(self) -> None:
        """Let those who wait for a change go, and nobody wait from now on: the service ends."""
        self._waiters.end()

    async def subscribe(self, since: int) -> AsyncGenerator[list[Change], None]:
        while not self._waiters.ended:
            if found := self.changes(since):
                since = found[-1].position
                yield found
            else:
                await self._waiters.wait(self.position(), feed.LONGEST_WAIT_S)

    # Writes

    async def put(self, document: Document, expected: Expected = ANY) -> str:
        return await self._one(Put(document, expected))

    async def remove(self, key: Key, expected: Expected = ANY, *, recursive: bool = False) -> None:
        await self._one(Remove(key, expected, recursive))

    async def _one(self, write: Write) -> str:
        try:
            return (await self.apply([write]))[0]
        except WriteRefused as refused:
            raise refused.error from refused

    async def apply(self, writes: Sequence[Write], *, replacing: int | None = None) -> list[str]:
        return await self._write(
            lambda db: _apply(Transaction(db, self._delimiter, replacing or 0), writes)
        )

    async def remove_unchanged(self, since: int) -> int:
        total = 0
        while removed := await self._write(
            lambda db: Transaction(db, self._delimiter).remove_unchanged(since, PRUNE_AT_ONCE)
        ):
            total += removed
        return total

    async def backup(self, path: Path) -> None:
        await asyncio.to_thread(copies.backup, self._path, path)

    async def _write(self, job: Job[T]) -> T:
        self._reader.check()  # what cannot be read is not written to
        result = await self._writer.run(job)
        self._follow(None)
        await self._followers.caught_up()
        if self._writer.log_is_long:
            # Only a reader that saw the log's end lets it be brought into the file whole, and
            # only one that saw the file whole lets the log begin anew (sqlite.org/wal, 2.2).
            await self._writer.checkpoint()
            self._follow(None)
        return result

    # What the writer says

    def _follow(self, failure: StoreUnavailable | None) -> None:
        self._reader.follow(failure)
        self._followers.tell(failure)
        if self._reader.is_open:
            with suppress(StoreUnavailable):  # the reader keeps it, and says so to who asks
                self._waiters.tell(self.position())

    def _report(self, failure: StoreUnavailable | None) -> None:
        if loop := self._loop:
            loop.call_soon_threadsafe(self._follow, failure)


def _apply(transaction: Transaction, writes: Sequence[Write]) -> list[str]:
    """Do the writes, domains before what is in them, and addresses that lie together together."""
    revisions = [""] * len(writes)
    order = sorted(range(len(writes)), key=lambda number: _order(writes[number]))
    number = 0
    try:
        for number in order:
            revisions[number] = run(transaction, writes[number], number)
        transaction.finish()
    except WriteRefused:
        raise
    except MailstackError as error:
        raise WriteRefused(number, error) from error
    return revisions


def _order(write: Write) -> tuple[int, str, str]:
    """Removals in the opposite order, and first, so that a document can move."""
    where = place(write.document.key if isinstance(write, Put) else write.key)
    kind = where.kind if isinstance(write, Put) else -1 - where.kind
    return kind, where.domain, where.local
