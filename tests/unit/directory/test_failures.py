"""A datastore that fails must never look like a missing user, and must heal by itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.unit.directory.conftest import OWNER
from tests.unit.store.samples import alias, domain, script, user

from mailstack.directory import Directory
from mailstack.errors import StoreUnavailable
from mailstack.outcome import Found, Outcome, Unavailable
from mailstack.store.contract import Put
from mailstack.store.sqlite import SqliteStore, connect

USERS = 3000
"""Enough for many pages, so that not all of them are in the cache."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(tmp_path / "store.db", create=True) as opened:
        users = [Put(user(f"u{n}@example.org")) for n in range(USERS)]
        await opened.apply([Put(domain()), *users, Put(user(OWNER))])
        await opened.apply([Put(script(OWNER, active=True)), Put(alias("a@example.org", OWNER))])
        yield opened


def every_lookup(directory: Directory, number: int = 1) -> list[Outcome[object]]:
    address = f"u{number}@example.org"
    return [
        directory.domain("example.org"),
        directory.mailbox(address),
        directory.alias("a@example.org"),
        directory.senders(address),
        directory.passdb(address),
        directory.users(),
        directory.sieve_active(OWNER),
    ]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is in a file, nobody tells of it
            await asyncio.sleep(0.01)


def all_found(directory: Directory) -> bool:
    return all(isinstance(outcome, Found) for outcome in every_lookup(directory))


def none_found(directory: Directory) -> bool:
    return all(isinstance(outcome, Unavailable) for outcome in every_lookup(directory))


async def test_removed_and_put_back(
    store: SqliteStore, directory: Directory, tmp_path: Path
) -> None:
    """While the file is away nothing is known; when it is back, everything is."""
    (tmp_path / "store.db").rename(tmp_path / "away.db")
    await until(lambda: none_found(directory))
    with pytest.raises(StoreUnavailable, match="is not there"):
        await store.put(domain("b.example"))
    (tmp_path / "away.db").rename(tmp_path / "store.db")
    await until(lambda: all_found(directory))
    await store.put(domain("b.example"))


async def test_a_backup_put_in_place(
    store: SqliteStore, directory: Directory, tmp_path: Path
) -> None:
    """Another file of the same name is opened anew, and not mixed with the old one's log."""
    await store.backup(tmp_path / "backup.db")
    await store.put(user("late@example.org"))
    (tmp_path / "backup.db").replace(tmp_path / "store.db")
    await until(lambda: store_has(store, USERS + 1))
    assert all_found(directory)
    await store.put(user("later@example.org"))
    assert sqlite3.connect(tmp_path / "store.db").execute("PRAGMA integrity_check").fetchone() == (
        "ok",
    )


def store_has(store: SqliteStore, users: int) -> bool:
    try:
        return store.count("user") == users
    except StoreUnavailable:
        return False


@pytest.mark.parametrize(
    "garbage", [b"", b"\0" * 4096, b"SQLite format 3\0" + b"\x5a" * 4080, b"hello" * 100]
)
async def test_overwritten_by_garbage(
    store: SqliteStore, directory: Directory, tmp_path: Path, garbage: bytes
) -> None:
    """A file overwritten in place gives no answer, and every answer once it is restored."""
    path = tmp_path / "store.db"
    await store.backup(tmp_path / "backup.db")
    await asyncio.to_thread(path.write_bytes, garbage)
    for number in range(0, USERS, 7):
        for outcome in every_lookup(directory, number):
            assert isinstance(outcome, (Found, Unavailable))
    await until(lambda: none_found(directory))
    with pytest.raises(StoreUnavailable):
        await store.put(domain("b.example"))
    (tmp_path / "backup.db").replace(path)
    await until(lambda: all_found(directory))


async def test_bad_pages_are_never_a_missing_user(
    store: SqliteStore, directory: Directory, tmp_path: Path
) -> None:
    """With garbage in all pages but the first two, each user is found, or it cannot be told."""
    await store._writer.checkpoint()
    await asyncio.to_thread(spoil, tmp_path / "store.db")
    outcomes = [directory.mailbox(f"u{n}@example.org") for n in range(USERS)]
    assert all(isinstance(outcome, (Found, Unavailable)) for outcome in outcomes)
    assert any(isinstance(outcome, Unavailable) for outcome in outcomes)


def spoil(path: Path) -> None:
    octets = path.stat().st_size - 8192
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(bytes(range(256)) * (octets // 256))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WRITER_PATIENCE_S", 0.01)


@pytest.mark.usefixtures("impatient")
async def test_locked_for_writing(tmp_path: Path) -> None:
    """While another program holds the lock, reads go on and writes fail for now."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        await store.put(domain())
        directory = Directory(store, delimiter="+", owner_email=OWNER)
        await write_beside_a_lock(store, directory, tmp_path)


async def write_beside_a_lock(store: SqliteStore, directory: Directory, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.put(domain("b.example"))
    assert directory.domain("example.org") == Found("example.org")
    other.execute("ROLLBACK")
    other.close()
    await store.put(domain("b.example"))


@pytest.mark.usefixtures("impatient")
async def test_locked_when_opened(tmp_path: Path) -> None:
    """A store that another program keeps for itself is unavailable, not empty."""
    path = tmp_path / "store.db"
    async with SqliteStore(path, create=True):
        pass
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        async with SqliteStore(path):
            pass
    other.close()
    async with SqliteStore(path) as store:
        assert store.count("user") == 0


async def test_full(store: SqliteStore, directory: Directory) -> None:
    """A full disk refuses the write, keeps the reads, and loses nothing."""
    await store._writer.run(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone())
    before = store.position()
    with pytest.raises(StoreUnavailable, match="full"):
        await store.apply([Put(user(f"new{n}@example.org")) for n in range(1000)])
    assert all_found(directory)
    assert store.position() == before
    await store.put(user("new@example.org"))


async def test_missing_is_not_created(tmp_path: Path) -> None:
    """An empty store knows nobody, so a missing file is never made up unless asked for."""
    with pytest.raises(StoreUnavailable, match="is not there"):
        async with SqliteStore(tmp_path / "store.db"):
            pass
    assert not await asyncio.to_thread(files, tmp_path)


@pytest.mark.parametrize("text", [b"not a database", b""])
async def test_not_a_database(tmp_path: Path, text: bytes) -> None:
    """A file of another kind is refused and left as it is."""
    path = tmp_path / "store.db"
    path.write_bytes(text)
    with pytest.raises(StoreUnavailable, match="not a database"):
        async with SqliteStore(path):
            pass
    assert path.read_bytes() == text


async def test_database_of_another_program(tmp_path: Path) -> None:
    """Somebody else's SQLite file is not ours to write into, not even when creating."""
    path = tmp_path / "store.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    for create in (False, True):
        with pytest.raises(StoreUnavailable, match="another program"):
            async with SqliteStore(path, create=create):
                pass


async def test_newer_schema(tmp_path: Path) -> None:
    """A file written by a later version is not read by rules it does not follow."""
    path = tmp_path / "store.db"
    async with SqliteStore(path, create=True):
        pass
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StoreUnavailable, match="schema version 99"):
        async with SqliteStore(path, create=True):
            pass


async def test_unwritable_folder(tmp_path: Path) -> None:
    """Where no file can be made, one sentence says so."""
    await asyncio.to_thread((tmp_path / "file").touch)
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        async with SqliteStore(tmp_path / "file" / "store.db", create=True):
            pass


async def test_the_file_is_private(store: SqliteStore, tmp_path: Path) -> None:
    """Password hashes are for the store's account only, in the log and in a backup, too."""
    await store.backup(tmp_path / "backup.db")
    for path in await asyncio.to_thread(files, tmp_path):
        assert path.stat().st_mode & 0o077 == 0


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())
