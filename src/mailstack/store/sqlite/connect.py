"""Opens the database file, or says in one sentence why that is not possible."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mailstack.errors import StoreMissing, StoreUnavailable
from mailstack.store.sqlite import schema

CACHE_KIB = 8 * 1024
"""Page cache of a connection. Fixed, and no mmap: its pages would count as our memory."""
WRITER_PATIENCE_S = 5.0
"""Wait for another program's lock, in a thread."""
READER_PATIENCE_S = 0.02
"""The same in the event loop, which must not wait. Readers of a log meet a lock only while another
program recovers it, or keeps the file for itself (sqlite.org/wal, 2.4)."""

_MAGIC = b"SQLite format 3\x00"
_HEADER_OCTETS = 72
"""Up to the application's id, at 68 (sqlite.org/fileformat2, 1.3)."""


def create(path: Path) -> None:
    """Make the file if it is missing, and bring it to this version's schema.

    Raises:
        StoreUnavailable: that is not possible, or the file is not ours.
    """
    try:
        path.touch(mode=0o600)  # it holds password hashes; its log takes the same mode
        with closing(_connect(path, WRITER_PATIENCE_S)) as db:
            _claim(db, path)
            db.execute("PRAGMA journal_mode = WAL")
            schema.migrate(db)
    except (sqlite3.Error, OSError) as error:
        raise unavailable(path, error) from error


def upgrade(path: Path) -> None:
    """Bring an existing file to this version's schema; one that is newer stays as it is.

    Raises:
        StoreUnavailable: that is not possible, or the file is missing, or not ours.
    """
    try:
        check_header(path)
        with closing(_connect(path, WRITER_PATIENCE_S)) as db:
            schema.migrate(db)
    except (sqlite3.Error, OSError) as error:
        raise unavailable(path, error) from error


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open an existing file.

    Raises:
        StoreUnavailable: missing, unreadable, locked, or not ours.
    """
    try:
        check_header(path)
        db = _connect(path, READER_PATIENCE_S if read_only else WRITER_PATIENCE_S)
    except (sqlite3.Error, OSError) as error:
        raise unavailable(path, error) from error
    try:
        _configure(db, path, read_only=read_only)
    except sqlite3.Error as error:
        db.close()
        raise unavailable(path, error) from error
    except StoreUnavailable:
        db.close()
        raise
    return db


def check_header(path: Path) -> None:
    """See that the file begins as every database of ours does.

    Raises:
        OSError: it is not there, or cannot be read.
        StoreUnavailable: it is not a database of ours.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_OCTETS)
    if not header.startswith(_MAGIC):
        raise StoreUnavailable(f"{path} is not a database", advice="put a backup in its place")
    if int.from_bytes(header[68:72]) != schema.APPLICATION_ID:
        raise _not_ours(path)


def unavailable(path: Path, error: Exception) -> StoreUnavailable:
    """Put SQLite's or the system's words into a sentence."""
    if isinstance(error, FileNotFoundError):
        return StoreMissing(
            f"the datastore {path} is not there",
            advice="mount its volume, or put a backup in its place",
        )
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StoreUnavailable(f"the datastore {path} cannot be used: {words}")


def _connect(path: Path, patience_s: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=patience_s,
        isolation_level=None,
        check_same_thread=False,
    )


def _claim(db: sqlite3.Connection, path: Path) -> None:
    """Mark an empty file as ours, before anything else, so that a crash cannot orphan it."""
    if db.execute("PRAGMA page_count").fetchone()[0] == 0:
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    elif db.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        raise _not_ours(path)


def _not_ours(path: Path) -> StoreUnavailable:
    return StoreUnavailable(f"{path} is a database of another program")


def _configure(db: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.execute("PRAGMA mmap_size = 0")
    db.execute("PRAGMA cell_size_check = ON")  # a page of garbage is noticed when it is read
    db.execute("PRAGMA wal_autocheckpoint = 0")  # the writer decides, see writer.py
    db.execute("PRAGMA synchronous = FULL")  # a write that was confirmed survives a power cut
    db.execute("PRAGMA secure_delete = FAST")
    db.execute("PRAGMA journal_size_limit = 67108864")
    if read_only:
        db.execute("PRAGMA query_only = ON")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != schema.VERSION:
        raise StoreUnavailable(
            f"{path} has schema version {version}, this program needs {schema.VERSION}",
            advice="use the version of mailstack that wrote it",
        )
