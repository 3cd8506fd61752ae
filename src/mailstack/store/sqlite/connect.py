"""Opens the database file, or says in one sentence why that is not possible."""

import sqlite3
from pathlib import Path

from mailstack.errors import StoreUnavailable
from mailstack.store.sqlite import schema

CACHE_KIB = 8 * 1024
"""Page cache of a connection. Fixed, and no mmap: its pages would count as our memory."""
BUSY_TIMEOUT_S = 5.0
_HEADER = b"SQLite format 3\x00"


def connect(path: Path, *, create: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """Open an existing file; with ``create``, make a missing one.

    Raises:
        StoreUnavailable: missing, unreadable, locked, or not ours.
    """
    try:
        if create:
            path.touch(mode=0o600)  # it holds password hashes; its log takes the same mode
        else:
            check_header(path)
        return _open(path, "rwc" if create else "rw", read_only=read_only)
    except (sqlite3.Error, OSError) as error:
        raise unavailable(path, error) from error


def check_header(path: Path) -> None:
    """See that the file begins as every SQLite database does.

    Raises:
        OSError: it is not there, or cannot be read.
        StoreUnavailable: it is not a database of ours.
    """
    with path.open("rb") as file:
        header = file.read(len(_HEADER))
    if header != _HEADER:
        raise StoreUnavailable(f"{path} is not a database", advice="put a backup in its place")


def unavailable(path: Path, error: Exception) -> StoreUnavailable:
    """Put SQLite's or the system's words into a sentence."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StoreUnavailable(f"the datastore {path} cannot be used: {words}")


def _open(path: Path, mode: str, *, read_only: bool) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _configure(db, path, read_only=read_only, create=mode == "rwc")
    except BaseException:
        db.close()
        raise
    return db


def _configure(db: sqlite3.Connection, path: Path, *, read_only: bool, create: bool) -> None:
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.execute("PRAGMA mmap_size = 0")
    db.execute("PRAGMA cell_size_check = ON")  # a page of garbage is noticed when it is read
    db.execute("PRAGMA wal_autocheckpoint = 0")  # the writer decides, see writer.py
    if create:
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # a write that was confirmed survives a power cut
    db.execute("PRAGMA secure_delete = FAST")
    db.execute("PRAGMA journal_size_limit = 67108864")
    if create:
        schema.migrate(db)
    application, version = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application != schema.APPLICATION_ID:
        raise StoreUnavailable(f"{path} is a database of another program")
    if version != schema.VERSION:
        raise StoreUnavailable(
            f"{path} has schema version {version}, this program needs {schema.VERSION}",
            advice="use the version of mailstack that wrote it, or restart couchmail to migrate it",
        )
    if read_only:
        db.execute("PRAGMA query_only = ON")
