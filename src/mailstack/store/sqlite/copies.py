"""The whole store at one moment: every document for export, or the file for a backup.

Both use a connection of their own, so they may run in any thread, and neither blocks the writer.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mailstack.errors import StoreUnavailable
from mailstack.store.contract import Stored
from mailstack.store.sqlite.connect import connect, unavailable
from mailstack.store.sqlite.queries import stored
from mailstack.store.sqlite.rows import MAIL_COLUMNS, SIEVE, SIEVE_COLUMNS

_FETCH = 500
_ORDER = (
    (0, f"SELECT {MAIL_COLUMNS} FROM mail_whole WHERE kind=0"),  # noqa: S608 - constants
    (1, f"SELECT {MAIL_COLUMNS} FROM mail_whole WHERE kind=1"),  # noqa: S608 - constants
    # A catch-all may lead to an alias of the same domain, so the others go before it.
    (2, f"SELECT {MAIL_COLUMNS} FROM mail_whole WHERE kind=2 AND local<>''"),  # noqa: S608 - constants
    (2, f"SELECT {MAIL_COLUMNS} FROM mail_whole WHERE kind=2 AND local=''"),  # noqa: S608 - constants
    (SIEVE, f"SELECT {SIEVE_COLUMNS} FROM sieve"),  # noqa: S608 - constants
)


def documents(path: Path) -> Iterator[Stored]:
    """Every document.

    Raises:
        StoreUnavailable: the file cannot be read, or not to its end.
    """
    with closing(connect(path, read_only=True)) as db:
        try:
            db.execute("BEGIN")
            for kind, sql in _ORDER:
                cursor = db.execute(sql)
                while rows := cursor.fetchmany(_FETCH):
                    yield from (stored(kind, row) for row in rows)
        except sqlite3.Error as error:
            raise unavailable(path, error) from error


def backup(path: Path, target: Path) -> None:
    """Copy the file, then give it its name.

    Raises:
        StoreUnavailable: the store cannot be read, or the copy not be written.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with (
            closing(connect(path, read_only=True)) as db,
            closing(sqlite3.connect(partial)) as copy,
        ):
            db.backup(copy)
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise StoreUnavailable(
            f"the backup {target} cannot be written: {error.strerror}"
        ) from error
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
