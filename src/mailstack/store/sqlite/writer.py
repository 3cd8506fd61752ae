"""The one writer: a thread with a connection of its own, jobs in a bounded line.

Each job is one transaction: all of it is committed, or nothing. When there is nothing to do the
thread looks after the file: SQLite goes on reading a file that was removed or replaced.
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
from mailstack.store.sqlite.connect import check_file, connect, unavailable

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

CHECK_INTERVAL_S = 0.25
"""Between two looks at the file; so long it may take to notice, and to recover."""
MAX_WAITING = 64
"""Jobs in line. A caller beyond them waits for a place."""


class Writer:
    """``report`` is called in the thread, with None when the file is fine, else with the reason."""

    def __init__(self, path: Path, report: Callable[[StoreUnavailable | None], None]) -> None:
        self._path = path
        self._report = report
        self._jobs: queue.Queue[tuple[Job[Any], Future[Any]] | None] = queue.Queue()
        self._places = asyncio.Semaphore(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._db: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._seen = -1

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
        async with self._places:
            future: Future[T] = Future()
            self._jobs.put((job, future))
            return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            try:
                item = self._jobs.get(timeout=CHECK_INTERVAL_S)
            except queue.Empty:
                self._check()
                continue
            if item is None:
                return self._drop()
            self._do(*item)

    def _do(self, job: Job[Any], future: Future[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = self._transaction(job)
        except BaseException as error:  # noqa: BLE001 - goes to the one who waits for it
            future.set_exception(error)
        else:
            future.set_result(result)

    def _transaction(self, job: Job[T]) -> T:
        db = self._connection()
        try:
            db.execute("BEGIN IMMEDIATE")
            result = job(db)
            db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                self._drop()
                raise unavailable(self._path, error) from error
            raise
        return result

    def _connection(self) -> sqlite3.Connection:
        """The open connection, if the file is still the one it was opened on."""
        try:
            identity = check_file(self._path)
        except OSError as error:
            self._drop()
            raise unavailable(self._path, error) from error
        except StoreUnavailable:
            self._drop()
            raise
        if self._db is None or identity != self._identity:
            self._drop()
            self._db, self._identity = connect(self._path), identity
        return self._db

    def _check(self) -> None:
        try:
            db, before = self._connection(), self._seen
            self._seen = db.execute("PRAGMA data_version").fetchone()[0]
            changed = self._seen != before
        except sqlite3.Error as error:
            self._drop()
            self._report(unavailable(self._path, error))
        except StoreUnavailable as error:
            self._report(error)
        else:
            if changed:
                self._report(None)

    def _drop(self) -> None:
        self._seen = -1
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
