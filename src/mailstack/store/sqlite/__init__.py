"""The embedded datastore over one SQLite file."""

from mailstack.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
