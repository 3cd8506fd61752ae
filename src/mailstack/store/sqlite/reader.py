"""Reads that the event loop may do itself: each takes microseconds.

The connection stays within one read transaction, because beginning one costs two file locks, a
fifth of a whole lookup. ``refresh`` ends it, and is called after every commit. A connection that
fails is dropped, and reads raise ``StoreUnavailable`` until ``reopen`` succeeds.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mailstack.errors import StoreUnavailable
from mailstack.store.sqlite.connect import connect, unavailable
from mailstack.store.sqlite.rows import Row

CACHE_KIB = 26 * 1024
"""Page cache for lookups; grows to what is read, in each process that answers. The table they ask
takes 41 MiB with a million users; a page that is not here costs a copy from the kernel, a fifth of
a lookup in all."""


class Reader:
    """One read-only connection. Not for use by two threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None
        self._failure = StoreUnavailable(f"the datastore {path} is not open")

    @property
    def is_open(self) -> bool:
        return self._cursor is not None

    def reopen(self) -> None:
        """Open the file anew.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        self.close()
        try:
            self._db = connect(self._path, read_only=True)
            self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._db.execute("BEGIN")
            self._cursor = self._db.cursor()
        except sqlite3.Error as error:
            raise self.fail(unavailable(self._path, error)) from error
        except StoreUnavailable as error:
            self.fail(error)
            raise

    def refresh(self) -> None:
        """See what has been committed since. Until the next read, holds no snapshot at all."""
        if self._db is not None:
            try:
                self._db.execute("COMMIT")
                self._db.execute("BEGIN")
            except sqlite3.Error as error:
                self.fail(unavailable(self._path, error))

    def follow(self, failure: StoreUnavailable | None) -> None:
        """Take over what the writer says of the file: that it fails, or that it is fine."""
        if failure is not None:
            self.fail(failure)
        elif self.is_open:
            self.refresh()
        else:
            with suppress(StoreUnavailable):  # kept, and said to who asks
                self.reopen()

    def fail(self, error: StoreUnavailable) -> StoreUnavailable:
        """Drop the connection; reads raise ``error`` from now on."""
        self.close()
        self._failure = error
        return error

    def close(self) -> None:
        self._cursor = None
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def check(self) -> None:
        """See that reads are possible.

        Raises:
            StoreUnavailable: they are not.
        """
        if self._cursor is None:
            raise self._failure

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query.

        Raises:
            StoreUnavailable: the file cannot be read now.
        """
        if self._cursor is None:
            raise self._failure
        try:
            return self._cursor.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            failure = unavailable(self._path, error)
            is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            raise (failure if is_busy else self.fail(failure)) from error

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None
