"""Looks at the database file from outside SQLite, which keeps reading what it once opened.

A file of the same name that is another one (a backup put back) must not be opened beside the old
one's log: SQLite would play that log into it. So it is refused once, which makes every connection
close, and the old log is removed before the new file is opened.
"""

from pathlib import Path

from mailstack.errors import StoreUnavailable
from mailstack.store.sqlite.connect import check_header, unavailable

Identity = tuple[int, int]
"""Device and inode."""


class DatabaseFile:
    """Remembers which file was opened. For the writer's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._index = path.with_name(f"{path.name}-shm")
        self._open: Identity | None = None
        self._old_log: Identity | None = None

    def check(self) -> None:
        """See that the file is there, is a database, and is the one that was opened.

        Raises:
            StoreUnavailable: it is not.
        """
        try:
            check_header(self._path)
            now = _identity(self._path)
        except OSError as error:
            raise unavailable(self._path, error) from error
        if self._open not in (None, now):
            self._old_log = _identity(self._log) if self._log.exists() else None
            raise StoreUnavailable(f"the datastore {self._path} was replaced; it is opened anew")
        if self._open is None and self._old_log is not None:
            self._remove_old_log()

    def opened(self) -> None:
        self._open = _identity(self._path)

    def closed(self) -> None:
        self._open = None

    def _remove_old_log(self) -> None:
        if self._log.exists() and _identity(self._log) == self._old_log:
            self._log.unlink()
            self._index.unlink(missing_ok=True)
        self._old_log = None


def _identity(path: Path) -> Identity:
    status = path.stat()
    return status.st_dev, status.st_ino
