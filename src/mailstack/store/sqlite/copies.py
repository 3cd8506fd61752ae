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
from mailstack.store.sqlite.rows import BELONGINGS, KIND_NUMBER, SIEVE, TABLES

_FETCH = 500
_WHERE = (
    (KIND_NUMBER["domain"], "kind=0"),
    (KIND_NUMBER["user"], "kind=1"),
    # A catch-all may lead to an alias of the same domain, so the others go before it.
    (KIND_NUMBER["alias"], "kind=2 AND local<>''"),
    (KIND_NUMBER["alias"], "kind=2 AND local=''"),
    *((kind, "1" if kind == SIEVE else f"kind={kind}") for kind in BELONGINGS),
)
_ORDER = tuple(
    (kind, f"SELECT {TABLES[kind].columns} FROM {TABLES[kind].name} WHERE {condition}")  # noqa: S608 - constants
    for kind, condition in _WHERE
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
