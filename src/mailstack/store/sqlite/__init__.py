"""The embedded datastore over one SQLite file."""

from mailstack.store.sqlite.answers import StoreReader
from mailstack.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "StoreReader"]
