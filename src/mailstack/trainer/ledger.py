"""What each user's database was taught: one SQLite file, so that every message is learnt once.

A line is written when spamd has said that it learnt. Killed between the two, the trainer teaches a
message again, which changes nothing: SpamAssassin knows it. A *run* is what was taught since the
user's mail was last measured; it is kept open until it was measured again, whatever is killed
meanwhile, and is then kept or undone as a whole.

Users are named by their key (``model/spamkey.py``), messages by a digest: no address and no mail
is in here.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from mailstack.errors import ServiceFailed

_BATCH: Final = 500
"""Values in one statement (SQLITE_MAX_VARIABLE_NUMBER is at least 999)."""
_BUSY_S: Final = 10.0
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE lesson (
    user TEXT NOT NULL,
    message BLOB NOT NULL,
    spam INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    run INTEGER NOT NULL,
    before INTEGER,
    shared INTEGER,
    PRIMARY KEY (user, message)
) WITHOUT ROWID;
CREATE TABLE run (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL UNIQUE,
    snapshot TEXT NOT NULL,
    undoing BLOB
);
CREATE TABLE score (
    user TEXT NOT NULL,
    message BLOB NOT NULL,
    score REAL NOT NULL,
    PRIMARY KEY (user, message)
) WITHOUT ROWID;
CREATE TABLE refused (user TEXT PRIMARY KEY, lesson BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE night (done REAL NOT NULL);
"""
_TABLES: Final = ("lesson", "run", "score", "refused")


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a user's database was told about a message."""

    spam: bool
    shared: bool | None
    """What the database of all was told; ``None``: nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """What was taught to a user's database since it was last measured."""

    number: int
    user: str
    snapshot: str
    """Of the database before; empty where there was none."""
    undoing: bytes | None = None
    """The digest of the lesson, once it was decided that the run is to be undone."""


class Ledger:
    """The open file. Every method is done when it returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file; make it when it is missing.

        Raises:
            ServiceFailed: it cannot be used; the text says what to do.
        """
        try:
            connection = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            # The last lines may be lost with the machine's power; they are taught again then.
            connection.execute("PRAGMA synchronous = NORMAL")
            _bring_up(connection)
        except sqlite3.Error as error:
            raise ServiceFailed(
                f"{path} cannot be used: {error}",
                advice="move it away; everything is learnt anew, which changes nothing",
            ) from error
        return cls(connection)

    def close(self) -> None:
        self._db.close()

    # --- lessons -----------------------------------------------------------------------------

    def lessons(self, user: str, messages: Iterable[bytes]) -> Mapping[bytes, Lesson]:
        """Return what is known of ``messages``; the unknown are left out."""
        found: dict[bytes, Lesson] = {}
        for part in _parts(messages):
            marks = ",".join("?" * len(part))
            rows = self._db.execute(
                f"SELECT message, spam, shared FROM lesson WHERE user = ? AND message IN ({marks})",  # noqa: S608 - marks
                (user, *part),
            )
            for message, spam, shared in rows:
                found[message] = Lesson(bool(spam), None if shared is None else bool(shared))
        return found

    def learnt(self, run: Run, message: bytes, *, spam: bool, confirmed: bool) -> None:
        """Note that ``message`` was taught in ``run``; ``confirmed``: it changed the database."""
        self._db.execute(
            """INSERT INTO lesson (user, message, spam, confirmed, run) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET
                before = CASE WHEN run = excluded.run THEN before ELSE spam END,
                spam = excluded.spam, run = excluded.run,
                confirmed = max(confirmed, excluded.confirmed)""",
            (run.user, message, spam, confirmed, run.number),
        )

    def shared(self, user: str, message: bytes, *, spam: bool) -> None:
        """Note that the database of all was taught ``message``, too."""
        self._db.execute(
            "UPDATE lesson SET shared = ? WHERE user = ? AND message = ?", (spam, user, message)
        )

    def confirmed(self, user: str) -> int:
        """How many messages the user's database must know at least."""
        row = self._db.execute("SELECT sum(confirmed) FROM lesson WHERE user = ?", (user,))
        return int(row.fetchone()[0] or 0)

    def count(self, user: str) -> int:
        """How many messages the user's database was taught."""
        row = self._db.execute("SELECT count(*) FROM lesson WHERE user = ?", (user,))
        return int(row.fetchone()[0])

    def forget(self, user: str) -> None:
        """Remove everything about a user."""
        with self._transaction():
            for table in _TABLES:
                self._db.execute(f"DELETE FROM {table} WHERE user = ?", (user,))  # noqa: S608 - ours

    def users(self) -> Iterable[str]:
        """Return the keys of all users there is anything about."""
        union = " UNION ".join(f"SELECT user FROM {table}" for table in _TABLES)  # noqa: S608 - ours
        return [user for (user,) in self._db.execute(union)]

    # --- runs --------------------------------------------------------------------------------

    def run(self, user: str) -> Run | None:
        """Return the run that is open."""
        row = self._db.execute(
            "SELECT number, user, snapshot, undoing FROM run WHERE user = ?", (user,)
        ).fetchone()
        return None if row is None else Run(*row)

    def begin(self, user: str, snapshot: str) -> Run:
        """Open a run, whose lessons can be undone by ``snapshot``."""
        row = self._db.execute("INSERT INTO run (user, snapshot) VALUES (?, ?)", (user, snapshot))
        return Run(int(row.lastrowid or 0), user, snapshot)

    def keep(self, run: Run, scores: Mapping[bytes, float]) -> None:
        """Close the run; ``scores`` are what its database gives the held-out messages."""
        with self._transaction():
            self._note_scores(run.user, scores)
            self._db.execute("DELETE FROM refused WHERE user = ?", (run.user,))
            self._db.execute("DELETE FROM run WHERE user = ?", (run.user,))

    def undo_begins(self, run: Run, lesson: bytes) -> None:
        """Note that the database goes back to the snapshot: from here there is one way only."""
        self._db.execute("UPDATE run SET undoing = ? WHERE user = ?", (lesson, run.user))

    def undone(self, run: Run, lesson: bytes) -> None:
        """Forget what the run taught; ``lesson`` is not tried again until it is another one."""
        of_run = (run.user, run.number)
        with self._transaction():
            self._db.execute(
                "DELETE FROM lesson WHERE user = ? AND run = ? AND before IS NULL", of_run
            )
            self._db.execute("UPDATE lesson SET spam = before WHERE user = ? AND run = ?", of_run)
            self._db.execute("INSERT OR REPLACE INTO refused VALUES (?, ?)", (run.user, lesson))
            self._db.execute("DELETE FROM run WHERE user = ?", (run.user,))

    def refused(self, user: str) -> bytes:
        """Return the lesson that made the user's filter worse when it was last tried."""
        row = self._db.execute("SELECT lesson FROM refused WHERE user = ?", (user,)).fetchone()
        return b"" if row is None else bytes(row[0])

    # --- scores ------------------------------------------------------------------------------

    def scores(self, user: str) -> Mapping[bytes, float]:
        """Return what held-out messages scored when they were last measured."""
        rows = self._db.execute("SELECT message, score FROM score WHERE user = ?", (user,))
        return dict(rows.fetchall())

    def note_scores(self, user: str, scores: Mapping[bytes, float]) -> None:
        with self._transaction():
            self._note_scores(user, scores)

    def _note_scores(self, user: str, scores: Mapping[bytes, float]) -> None:
        self._db.execute("DELETE FROM score WHERE user = ?", (user,))
        rows = [(user, message, score) for message, score in scores.items()]
        self._db.executemany("INSERT INTO score VALUES (?, ?, ?)", rows)

    # --- nights ------------------------------------------------------------------------------

    def night(self) -> float | None:
        """Return which night's training was the last to be done; ``None``: none ever."""
        row = self._db.execute("SELECT max(done) FROM night").fetchone()
        return None if row[0] is None else float(row[0])

    def night_done(self, night: float) -> None:
        with self._transaction():
            self._db.execute("DELETE FROM night")
            self._db.execute("INSERT INTO night VALUES (?)", (night,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _bring_up(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
    elif version != _VERSION:
        raise sqlite3.DatabaseError(f"it is of version {version}, this program writes {_VERSION}")


def _parts(messages: Iterable[bytes]) -> Iterator[list[bytes]]:
    every = list(messages)
    for start in range(0, len(every), _BATCH):
        yield every[start : start + _BATCH]
