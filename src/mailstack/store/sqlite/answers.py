"""The reading half of the store that lookups need, over one reader.

It is all that a process has which only answers lookups: another one writes, and tells it of each
commit and of each fault of the file (``StoreReader.follow``).
"""

from collections.abc import Sequence
from pathlib import Path

from mailstack.errors import StoreUnavailable
from mailstack.model.routing import Entry
from mailstack.store.contract import Credentials, Script
from mailstack.store.sqlite import queries
from mailstack.store.sqlite.reader import Reader


class StoreReader:
    """Answers ``store/contract.py``'s ``Lookups``; nothing until ``follow`` was called once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = Reader(path)

    def follow(self, failure: StoreUnavailable | None) -> None:
        """See what was committed, or answer nothing because of a fault until told otherwise."""
        self._reader.follow(failure)

    def entries(self, domain: str, local: str, base: str) -> Sequence[Entry]:
        return queries.entries(self._reader, domain, local, base)

    def is_plain_user(self, domain: str, local: str) -> bool:
        return queries.is_plain_user(self._reader, domain, local)

    def credentials(self, domain: str, local: str) -> Credentials | None:
        return queries.credentials(self._reader, domain, local)

    def dkim(self, domain: str) -> str | None:
        return queries.dkim(self._reader, domain)

    def logins(self, after: str, limit: int) -> list[str]:
        return queries.logins(self._reader, after, limit)

    def scripts(self, owner: str) -> list[Script]:
        return queries.scripts(self._reader, owner)

    def script_text(self, owner: str, script_id: str) -> str | None:
        return queries.script_text(self._reader, owner, script_id)
