"""One Bayes database on disk: its files, its lock, what it has learnt, whether it is sound.

spamd writes it under flock(2) of ``db.mutex`` (``lock_method flock``); whoever holds that lock sees
it at rest. The journal beside it is only appended to, and lost without harm. Source:
Mail::SpamAssassin::BayesStore::DBM and Locker::Flock, 4.0.1.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailstack.spamkeeper.sdbm import Damaged, Sdbm

NAME: Final = "db"
"""Of the database in its folder: the end of ``bayes_path`` in spamd's local.cf."""
MUTEX: Final = f"{NAME}.mutex"
TOKENS: Final = f"{NAME}_toks"
SEEN: Final = f"{NAME}_seen"
FILES: Final = (f"{TOKENS}.pag", f"{TOKENS}.dir", f"{SEEN}.pag", f"{SEEN}.dir")
"""What a copy consists of."""

LOCK_TIMEOUT_S: Final = 30.0
"""A message is learnt in a tenth of a second; an expiry takes some seconds."""

_MAGIC: Final = b"\015\001\007\011\003"
_VERSION: Final = b"3"
_SLACK_TOKENS: Final = 2000
_SLACK: Final = 0.05
"""How far the count of tokens may be off: a process that was killed while it learnt had not
counted what it wrote; a file that lost its end misses more."""


class Busy(Exception):
    """Somebody else has held the lock all the time."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a database has learnt, in messages, and the tokens it keeps of them."""

    nham: int = 0
    nspam: int = 0
    tokens: int = 0


@contextmanager
def locked(folder: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold spamd's lock on the database in ``folder``. Blocks: call it in a thread.

    Raises:
        Busy: not within ``timeout_s``.
        OSError: the folder is gone.
    """
    descriptor = os.open(folder / MUTEX, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, timeout_s)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Busy(f"locked for more than {timeout_s:g} s") from None
            time.sleep(0.01)


def learnt(folder: Path) -> Learnt:
    """Read the database in ``folder``, whole, and say what it has learnt.

    Raises:
        Damaged: it is not what spamd wrote.
    """
    if not any((folder / name).exists() for name in FILES):
        return Learnt()
    try:
        tokens, seen = Sdbm.read(folder / TOKENS), Sdbm.read(folder / SEEN)
    except FileNotFoundError as error:
        raise Damaged(f"{Path(error.filename).name} is missing") from error
    pairs = tokens.check()
    seen.check()
    if not pairs:
        return Learnt()  # made, and nothing written yet
    return _counts(tokens, pairs)


def _counts(database: Sdbm, pairs: int) -> Learnt:
    if database.get(_MAGIC + b"DBVERSION") != _VERSION:
        raise Damaged("its version is not there")
    found = Learnt(*(_number(database, name) for name in (b"NHAM", b"NSPAM", b"NTOKENS")))
    if abs(found.tokens - pairs) > _SLACK_TOKENS + _SLACK * found.tokens:
        raise Damaged(f"it counts {found.tokens} tokens and holds {pairs}")
    return found


def _number(database: Sdbm, name: bytes) -> int:
    value = database.get(_MAGIC + name) or b"0"
    if not value.isdigit():
        raise Damaged(f"its {name.decode()} is no number")
    return int(value)


def stamp(folder: Path) -> tuple[int, ...]:
    """Return what changes whenever the database does."""
    found = []
    for name in FILES:
        try:
            status = (folder / name).stat()
        except FileNotFoundError:
            found += [0, 0]
        else:
            found += [status.st_mtime_ns, status.st_size]
    return tuple(found)
