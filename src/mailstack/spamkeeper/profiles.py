"""Keeps the users' folders in step with the datastore: one user's documents → that user's folders.

A ``spam`` or ``training`` document that changed is read anew and rendered; a ``user`` that is gone
takes everything along. A ``training`` record goes with its user only, so one that is gone says that
the user was removed, even when a user of the same name is there again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mailstack.errors import DocumentMissing
from mailstack.feed import Changed, Reader
from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key, wants_own
from mailstack.spamkeeper import prefs
from mailstack.spamkeeper.folders import Users
from mailstack.spamkeeper.metrics import KeeperMetrics

OURS: Final = frozenset({"user", "spam", "training"})
"""The kinds of document that matter here."""


@dataclass(slots=True)
class Profiles:
    """``apply`` each change, in order."""

    reader: Reader
    users: Users
    metrics: KeeperMetrics
    authenticated: bool
    _unheard: set[str] = field(default_factory=set)
    """Keys on disk of which the feed has not told since it began."""

    def begin(self) -> None:
        """Expect to be told of everything there is."""
        self._unheard = self.users.keys()

    def caught_up(self) -> int:
        """Return how many users the datastore has never heard of.

        They are kept: a store that came back from an old copy, or an empty one, must not cost
        anybody's training. Whoever was removed is known as such to every store.
        """
        self.metrics.unknown = len(self._unheard)
        return self.metrics.unknown

    async def apply(self, change: Changed) -> None:
        """Bring one change into force.

        Raises:
            StoreUnavailable: the documents cannot be read now; try again.
        """
        if change.kind not in OURS:
            return
        key = spam_key(Address(change.name))
        if change.removed and change.kind != "spam":
            self.forget(key)
        if change.kind != "user":
            await self.write(change.name)
        self._unheard.discard(key)

    def forget(self, key: str) -> bool:
        gone = self.users.forget(key)
        self.metrics.forgotten.counts[()] += gone
        return gone

    async def write(self, address: str) -> None:
        """Read a user's documents, and write the folders that follow from them."""
        spam = await self.reader.document("users", address, "spam")
        training = await self.reader.document("users", address, "training")
        own_bayes = bool(training and training.get("own_bayes"))
        self._write(spam_key(Address(address)), spam or {}, own_bayes=own_bayes)
        self.metrics.profiles.counts[()] += 1

    def _write(self, key: str, spam: Mapping[str, Any], *, own_bayes: bool) -> None:
        own = own_bayes or wants_own(spam)
        text = prefs.scanning(spam, authenticated=self.authenticated) if own else None
        if self.users.has_database(key):
            self._training(key, spam)
        self.users.scan_by(key, text, own_bayes=own_bayes)

    async def prepare_training(self, address: str) -> None:
        """Make a user's training profile and database.

        Raises:
            DocumentMissing: there is no such user.
            StoreUnavailable: it cannot be told.
        """
        if await self.reader.document("users", address) is None:
            raise DocumentMissing(f"there is no user {address}")
        spam = await self.reader.document("users", address, "spam")
        self._training(spam_key(Address(address)), spam or {})

    def _training(self, key: str, spam: Mapping[str, Any]) -> None:
        self.users.make_database(
            key,
            prefs.training(spam, authenticated=self.authenticated),
            prefs.plain(spam, authenticated=self.authenticated),
        )
