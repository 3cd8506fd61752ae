"""Copies of a Bayes database: taken at rest, put back whole or not at all.

The two newest are kept of each user, named by numbers that only grow. A copy is made beside and
then renamed; a database is put back as a new folder to which the link ``bayes`` moves in one step.
The file that spamd locks is the same one in both folders (a hard link), so whoever waits for the
old database goes on with the new one.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailstack.aio.files import point_link
from mailstack.spamkeeper import database
from mailstack.spamkeeper.database import Learnt, learnt, locked
from mailstack.spamkeeper.folders import Users
from mailstack.spamkeeper.sdbm import Damaged

KEEP: Final = 2
"""The last good one, and the one taken since."""
_FRESH: Final = ".new"


class NoSnapshot(Exception):
    """There is no copy of that name, or it is damaged itself."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One copy."""

    name: str
    taken: float
    """Seconds since 1970."""
    octets: int
    learnt: Learnt


class Snapshots:
    """Of every user. Every method blocks; call it in a thread."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def of(self, key: str) -> Iterator[Snapshot]:
        """Yield the sound copies of a user, the newest first."""
        kept = self._users.snapshots(key)
        for number in _numbers(kept):
            with suppress(FileNotFoundError, Damaged):
                yield _described(kept / str(number))

    def take(self, key: str) -> Snapshot:
        """Copy the database as it is now, and drop the oldest copy.

        Raises:
            Damaged: the database is not sound; the copies stay as they are.
            Busy: it could not be had at rest.
        """
        kept = self._users.snapshots(key)
        fresh = kept / _FRESH
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        source = self._users.database(key)
        with locked(source):
            _copy(source, fresh)
        learnt(fresh)
        _sync(fresh)
        numbers = _numbers(kept)
        made = kept / str(max(numbers, default=0) + 1)
        fresh.rename(made)
        for number in numbers[KEEP - 1 :]:
            shutil.rmtree(kept / str(number), ignore_errors=True)
        return _described(made)

    def restore(self, key: str, name: str) -> Learnt:
        """Put a copy back in the place of the database.

        Raises:
            NoSnapshot: there is none, or it is not sound; nothing has changed.
            Busy: likewise nothing.
        """
        kept = self._users.snapshots(key)
        if name not in map(str, _numbers(kept)):
            raise NoSnapshot(f"there is no copy {name!r}")
        try:
            found = learnt(kept / name)
        except Damaged as error:
            raise NoSnapshot(f"the copy {name!r} is damaged: {error}") from error
        self._exchange(key, kept / name)
        return found

    def empty(self, key: str) -> None:
        """Begin with a database that has learnt nothing; the copies stay."""
        self._exchange(key, None)

    def forget(self, key: str) -> None:
        """Begin anew, and without copies of what was."""
        self.empty(key)
        shutil.rmtree(self._users.snapshots(key), ignore_errors=True)

    def _exchange(self, key: str, source: Path | None) -> None:
        link = self._users.database(key)
        home = link.parent
        with locked(link):
            old = link.readlink().name
            fresh = home / str(max(_numbers(home), default=0) + 1)
            fresh.mkdir(mode=0o700)
            os.link(link / database.MUTEX, fresh / database.MUTEX)
            if source is not None:
                _copy(source, fresh)
                _sync(fresh)
            point_link(link, fresh.name)
            shutil.rmtree(home / old, ignore_errors=True)


def _described(folder: Path) -> Snapshot:
    octets = sum(path.stat().st_size for path in folder.iterdir())
    return Snapshot(folder.name, folder.stat().st_mtime, octets, learnt(folder))


def _numbers(folder: Path) -> list[int]:
    """Return the names that are numbers, the highest first."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def _copy(source: Path, target: Path) -> None:
    for name in database.FILES:
        with suppress(FileNotFoundError):
            shutil.copyfile(source / name, target / name)
            (target / name).chmod(0o600)


def _sync(folder: Path) -> None:
    """On disk before it gets its name, so that no power cut leaves an empty copy."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
