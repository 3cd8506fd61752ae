"""What every store does: keep documents, with revisions and an ordered feed of changes.

Reads are synchronous and answer from a local file in microseconds; every one raises
``StoreUnavailable`` when that is not possible. Writes are coroutines, go through one writer, and
are checked inside their transaction against what is stored: a domain must be hosted, aliases must
not form a loop. ``tests/contracts/test_store_contract.py`` says the same in code.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from mailstack.model.documents import Document, Key, Kind
from mailstack.model.routing import Entry


class Any_(Enum):  # noqa: N801 - "Any" is a word of the type system
    """The type of ``ANY``."""

    ANY = "any"


ANY: Final = Any_.ANY
"""Expected revision: whatever is there, if anything."""

Expected: TypeAlias = str | Literal[Any_.ANY] | None
"""A revision that must be the stored one; ``None``: no such document may be there; or ``ANY``."""


class Stored(NamedTuple):
    """A document with its revision, an opaque word without spaces that fits an ETag."""

    document: Document
    revision: str


class Change(NamedTuple):
    """The newest thing that happened to one document. ``revision`` is None when it was removed."""

    position: int
    key: Key
    revision: str | None


@dataclass(frozen=True, slots=True)
class Put:
    """Write a document whole."""

    document: Document
    expected: Expected = ANY


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a document.

    A user's scripts and other belongings go with the user, the default script with its domain. A
    domain that still has users or aliases is refused unless ``recursive``, which removes them too.
    """

    key: Key
    expected: Expected = ANY
    recursive: bool = False


Write: TypeAlias = Put | Remove


class Script(NamedTuple):
    """A sieve script without its text. ``id`` changes whenever the text may have."""

    name: str
    id: str
    active: bool


class Credentials(NamedTuple):
    """What a login needs. ``enabled`` is that of the user and of the domain, together."""

    password: str
    quota: int | None
    enabled: bool


class Lookups(Protocol):
    """What ``directory/`` asks: the fast path."""

    def entries(self, domain: str, local: str, base: str) -> Sequence[Entry]:
        """What is stored of a domain, its catch-all, and two local parts in it (may be equal)."""

    def is_plain_user(self, domain: str, local: str) -> bool:
        """Whether there is an enabled user and no alias, in an enabled domain.

        A short cut to the commonest answer; ``entries`` says the same, and what it is if not.
        """

    def credentials(self, domain: str, local: str) -> Credentials | None:
        """Of a user."""

    def dkim(self, domain: str) -> str | None:
        """The DKIM keys of an enabled domain as JSON, empty if it has none; None: not hosted."""

    def logins(self, after: str, limit: int) -> list[str]:
        """Addresses of users who may log in, ordered by domain, then local part."""

    def scripts(self, owner: str) -> list[Script]:
        """The scripts of a user, by name."""

    def script_text(self, owner: str, script_id: str) -> str | None:
        """The text that bears this id."""


class Store(Lookups, Protocol):
    """See the module's docstring. Used as ``async with store:``."""

    # Documents

    def get(self, key: Key) -> Stored:
        """Read one document.

        Raises:
            DocumentMissing: there is none.
        """

    def page(
        self, kind: Kind, *, within: str = "", after: str = "", limit: int = 100
    ) -> list[Stored]:
        """List documents of a kind, ordered by key (addresses by domain, then local part).

        Args:
            kind: which documents.
            within: only those of this domain, or of this owner of scripts.
            after: the name of the last one of the page before.
            limit: at most so many.
        """

    def count(self, kind: Kind) -> int:
        """How many documents of that kind there are, at no cost."""

    def documents(self) -> Iterator[Stored]:
        """Every document, of one moment, in an order in which they can be imported.

        In constant memory. Close the iterator if it is not read to its end.
        """

    # Changes

    def position(self) -> int:
        """Position of the newest change; 0 in an empty store."""

    def changes(self, since: int, limit: int = 1000) -> list[Change]:
        """Changes after ``since``, oldest first; a document appears once, at its newest change.

        A ``since`` beyond the newest position (the store came back from a backup) begins anew.
        """

    async def wait_for_change(self, since: int, timeout_s: float) -> int:
        """Return the position as soon as it is not ``since``; after ``timeout_s`` in any case."""

    def subscribe(self, since: int) -> AsyncGenerator[list[Change], None]:
        """All changes after ``since``, then live ones as they come, in batches of up to 1,000.

        The reader pulls, so nothing piles up for a slow one.
        """

    # Writes

    async def put(self, document: Document, expected: Expected = ANY) -> str:
        """Write one document, return its revision.

        Raises:
            DocumentExists: ``expected`` is None and it is there.
            DocumentMissing: ``expected`` is a revision and it is not there.
            RevisionConflict: ``expected`` is another revision.
            InvalidDocument: it does not fit what is stored.
        """

    async def remove(self, key: Key, expected: Expected = ANY, *, recursive: bool = False) -> None:
        """Remove one document.

        Raises:
            DocumentMissing: it is not there.
            RevisionConflict: ``expected`` is another revision.
            InvalidDocument: others still depend on it.
        """

    async def apply(self, writes: Sequence[Write], *, replacing: int | None = None) -> list[str]:
        """Do all of them in one transaction, or none. Returns a revision for each ("" if removed).

        Documents may come in any order within one call.

        Args:
            writes: what to do.
            replacing: a position. Documents that did not change after it are about to go
                (``remove_unchanged``), and count as gone when the new ones are checked.

        Raises:
            WriteRefused: one of them was; names which, and why.
        """

    async def remove_unchanged(self, since: int) -> int:
        """Remove every document that did not change after ``since``; says how many went.

        The end of ``import --replace``: nobody is missing in between.
        """

    async def backup(self, path: Path) -> None:
        """Copy the store as it is now into a file, whole or not at all, while it stays in use."""
