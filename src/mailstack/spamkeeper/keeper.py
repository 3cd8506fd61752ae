"""What the keeper can be asked to do with one user's data, one thing at a time for each user.

Work on files runs in threads, since a lock may have to be waited for; a few at once, so that many
requests cannot pile up work.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from mailstack.feed import Changed
from mailstack.model.addresses import Address
from mailstack.model.spamkey import SITE, spam_key
from mailstack.spamkeeper.database import Learnt, learnt
from mailstack.spamkeeper.expiry import Expiry
from mailstack.spamkeeper.folders import Users
from mailstack.spamkeeper.metrics import KeeperMetrics
from mailstack.spamkeeper.profiles import Profiles
from mailstack.spamkeeper.repair import Repair
from mailstack.spamkeeper.sdbm import Damaged
from mailstack.spamkeeper.snapshots import NoSnapshot, Snapshot, Snapshots

AT_ONCE: Final = 4
"""Databases in hand; each is read whole, and has some MiB."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """Of one user's database."""

    learnt: Learnt
    damaged: bool
    snapshots: tuple[Snapshot, ...]


@dataclass(slots=True)
class Keeper:
    """The one place through which everything in the users' folder is changed."""

    users: Users
    profiles: Profiles
    metrics: KeeperMetrics
    expiry: Expiry
    snapshots: Snapshots = field(init=False)
    repair: Repair = field(init=False)
    soon: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a database should be looked at before its time."""
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def __post_init__(self) -> None:
        self.snapshots = Snapshots(self.users)
        self.repair = Repair(self.users, self.snapshots, self.metrics)

    def not_ready(self) -> str:
        """Why it does not do its work; empty when it does."""
        return "" if self.metrics.following else "does not follow the datastore yet"

    def look_soon(self) -> None:
        self.soon.set()

    async def apply(self, change: Changed) -> None:
        """Bring a change of the datastore into force.

        Raises:
            StoreUnavailable: its documents cannot be read now.
        """
        async with self._alone(spam_key(Address(change.name))):
            await self.profiles.apply(change)

    async def learnt(self, key: str) -> State:
        """Say what was learnt for a user; nothing where nothing is."""
        if not self.users.has_database(key):
            return State(Learnt(), damaged=False, snapshots=())
        state = await self._work(key, self._look, key)
        if state.damaged:
            self.look_soon()
        return state

    def _look(self, key: str) -> State:
        copies = tuple(self.snapshots.of(key))
        try:
            return State(learnt(self.users.database(key)), damaged=False, snapshots=copies)
        except Damaged:
            return State(Learnt(), damaged=True, snapshots=copies)

    async def prepare(self, key: str, owner: str) -> None:
        """Make what training a user needs.

        Raises:
            ValueError: the key is not that of ``owner``.
            DocumentMissing: there is no such user.
            StoreUnavailable: it cannot be told.
        """
        if key == SITE:
            return
        if spam_key(Address(owner)) != key:
            raise ValueError(f"{key} is not the key of {owner!r}")
        # With the feed's changes of this user waiting: a removal comes before this or after it.
        async with self._alone(key):
            await self.profiles.prepare_training(owner)

    async def snapshot(self, key: str) -> Snapshot:
        """Copy the database.

        Raises:
            FileNotFoundError: nothing was prepared.
            Damaged, Busy: it cannot be copied.
        """
        self._expect(key)
        copy = await self._work(key, self.snapshots.take, key)
        self.metrics.snapshots.counts[()] += 1
        return copy

    async def restore(self, key: str, name: str = "") -> Learnt:
        """Put a copy back, by default the newest.

        Raises:
            NoSnapshot, Busy: nothing has changed.
        """
        found = await self._work(key, self._restore, key, name)
        self.metrics.restored.counts[()] += 1
        return found

    def _restore(self, key: str, name: str) -> Learnt:
        newest = next(self.snapshots.of(key), None)
        if not name and newest is None:
            raise NoSnapshot("there is no copy")
        return self.snapshots.restore(key, name or (newest.name if newest else ""))

    async def forget_training(self, key: str) -> None:
        """Begin anew with an empty database."""
        if self.users.has_database(key):
            await self._work(key, self.snapshots.forget, key)

    async def check_changed(self) -> None:
        """Look at every database that changed since the last time, one after the other."""
        for key in await asyncio.to_thread(self.repair.changed):
            tokens = await self._work(key, self.repair.look_at, key)
            if self.expiry.due(key, tokens):
                async with self._alone(key):
                    await self.expiry.run(key)

    def _expect(self, key: str) -> None:
        if not self.users.has_database(key):
            raise FileNotFoundError(
                'nothing was learnt yet: POST prepare first, with {"owner": ADDRESS}'
            )

    async def _work(self, key: str, work: Callable[..., T], *arguments: str) -> T:
        async with self._alone(key), self._turns:
            return await asyncio.to_thread(work, *arguments)

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            yield
