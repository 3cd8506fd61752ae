"""The one writer: a thread with a connection of its own, jobs in a bounded line.

Each job is one transaction: all of it is committed, or nothing. While there is none, the thread
looks after the file four times a second, because SQLite goes on reading a file that was removed or
replaced, and brings what was written from the log into the file.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from mailstack.errors import StoreUnavailable
from mailstack.store.sqlite.connect import connect, unavailable, upgrade
from mailstack.store.sqlite.file import DatabaseFile

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
Report = Callable[[StoreUnavailable | None], None]

CHECK_INTERVAL_S = 0.25
"""Between two looks at the file; so long it may take to notice, and to recover."""
MAX_WAITING = 64
"""Jobs in line. A caller beyond them waits for a place."""
CHECKPOINT_ROWS = 2000
"""Rows written from which the log is brought into the file without waiting for a quiet moment."""


class Writer:
    """``report`` is called in the thread after each look: None if the file is fine."""

    def __init__(self, path: Path, report: Report) -> None:
        self._path = path
        self._report = report
        self._jobs: queue.Queue[tuple[Job[Any], Future[Any]] | None] = queue.Queue()
        self._places = asyncio.Semaphore(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._db: sqlite3.Connection | None = None
        self._file = DatabaseFile(path)
        self._rows_in_log = 0

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """Finish what is in line, then end."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def run(self, job: Job[T]) -> T:
        """Do a job in a transaction.

        Raises:
            StoreUnavailable: the file cannot be written now; nothing was.
        """
        return await self._in_line(lambda db: self._transaction(db, job))

    @property
    def log_is_long(self) -> bool:
        return self._rows_in_log >= CHECKPOINT_ROWS

    async def checkpoint(self) -> None:
        """Bring the log into the file. Readers must have seen its end, or it goes on growing."""
        await self._in_line(self._checkpoint)

    async def _in_line(self, job: Job[T]) -> T:
        async with self._places:
            if not self._thread.is_alive():
                raise StoreUnavailable(f"the datastore {self._path} is closed")
            future: Future[T] = Future()
            self._jobs.put((job, future))
            return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            try:
                item = self._jobs.get(timeout=CHECK_INTERVAL_S)
            except queue.Empty:
                self._look()
                continue
            if item is None:
                return self._drop()
            self._do(*item)

    def _do(self, job: Job[Any], future: Future[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = job(self._connection())
        except (sqlite3.Error, OSError) as error:
            self._drop()
            future.set_exception(unavailable(self._path, error))
        except BaseException as error:  # noqa: BLE001 - goes to the one who waits for it
            future.set_exception(error)
        else:
            future.set_result(result)

    def _transaction(self, db: sqlite3.Connection, job: Job[T]) -> T:
        before = db.total_changes
        db.execute("BEGIN IMMEDIATE")
        try:
            result = job(db)
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
        self._rows_in_log += db.total_changes - before
        return result

    def _checkpoint(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._rows_in_log = 0

    def _look(self) -> None:
        try:
            db = self._connection()
            if self._rows_in_log:
                self._checkpoint(db)
                db.execute("PRAGMA shrink_memory")  # what an import cached is of no use now
        except (sqlite3.Error, OSError) as error:
            self._drop()
            self._report(unavailable(self._path, error))
        except StoreUnavailable as error:
            self._report(error)
        else:
            self._report(None)

    def _connection(self) -> sqlite3.Connection:
        """The open connection, if the file is still the one it was opened on."""
        try:
            self._file.check()
        except StoreUnavailable:
            self._drop()
            raise
        if self._db is None:
            upgrade(self._path)  # a backup may come from an earlier version
            self._db = connect(self._path)
            self._file.opened()
        return self._db

    def _drop(self) -> None:
        self._file.closed()
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
