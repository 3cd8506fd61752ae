"""What is particular to the SQLite store."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.store.samples import alias, domain, script, spam, user

from mailstack.errors import StoreUnavailable
from mailstack.model.documents import KINDS, Key, Spam
from mailstack.store.contract import Put
from mailstack.store.sqlite import SqliteStore, schema, writer


async def test_the_log_stays_short(tmp_path: Path) -> None:
    """Many writes with a reader open do not make the log grow without end."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        await store.put(domain())
        sizes = []
        for batch in range(12):
            users = [Put(user(f"u{batch}-{n}@example.org")) for n in range(writer.CHECKPOINT_ROWS)]
            await store.apply(users)
            assert store.get(Key("user", f"u{batch}-0@example.org"))
            sizes.append(log_size(tmp_path))
        assert max(sizes[6:]) <= 2 * max(sizes[:4])


async def test_a_quiet_store_has_its_log_in_the_file(tmp_path: Path) -> None:
    """Shortly after the last write a copy of the file alone would be whole."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        await store.put(domain())
        async with asyncio.timeout(10):
            while store._writer._rows_in_log:  # noqa: ASYNC110 - the writer's thread has no event
                await asyncio.sleep(0.01)
        copy = sqlite3.connect(f"file:{tmp_path}/store.db?immutable=1", uri=True)
        assert copy.execute("SELECT domain FROM mail").fetchall() == [("example.org",)]
        copy.close()


def log_size(folder: Path) -> int:
    return (folder / "store.db-wal").stat().st_size


async def test_another_process_is_seen(tmp_path: Path) -> None:
    """A commit from outside becomes visible, and wakes those who wait."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        await store.put(domain())
        position = store.position()
        async with SqliteStore(tmp_path / "store.db") as other:
            await other.put(user("ann@example.org"))
        async with asyncio.timeout(10):
            assert await store.wait_for_change(position, 9) > position
        assert store.count("user") == 1


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """Documents, counts and positions are there again."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        await store.apply([Put(domain()), Put(user("ann@example.org"))])
        await store.apply([Put(alias("@example.org", "ann@example.org"))])
        await store.put(script("ann@example.org", active=True))
        before = (list(store.documents()), store.position(), store.changes(0))
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        assert (list(store.documents()), store.position(), store.changes(0)) == before
        assert [store.count(kind) for kind in ("domain", "user", "alias", "sieve")] == [1, 1, 1, 1]


async def test_no_query_goes_over_a_table(tmp_path: Path) -> None:
    """Each lookup is a search by key, whatever the number of rows."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        seen: list[str] = []
        assert store._reader._db is not None
        store._reader._db.set_trace_callback(seen.append)
        store.entries("example.org", "a", "b")
        store.entries("example.org", "a", "a")
        store.credentials("example.org", "ann")
        store.logins("ann@example.org", 10)
        store.scripts("ann@example.org")
        store.script_text("ann@example.org", "1-x")
        store.page("user", within="example.org", after="a@example.org")
        store.page("spam", after="a@example.org")
        store.changes(1)
        store._reader._db.set_trace_callback(None)
        plans = [store._reader.rows(f"EXPLAIN QUERY PLAN {sql}") for sql in seen]
        steps = [step[3] for plan in plans for step in plan]
    assert len(seen) >= 8
    assert not [step for step in steps if step.startswith(("SCAN", "USE TEMP"))]


async def test_targets_leave_no_trace(tmp_path: Path) -> None:
    """Changing and removing aliases keeps the reverse index exact."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        await store.put(domain())
        await store.put(alias("a@example.org", "b@example.org", "c@example.org"))
        await store.put(alias("a@example.org", "c@example.org", "d@example.org"))
        rows = store._reader.rows("SELECT local, alias_local FROM targets")
        assert rows == [("c", "a"), ("d", "a")]
        await store.remove(Key("alias", "a@example.org"))
        assert store._reader.rows("SELECT * FROM targets") == []


def test_migrations_are_append_only() -> None:
    """Version 1 is what released files have; a later version adds a step after it."""
    assert schema.VERSION == len(schema.MIGRATIONS) >= 2
    assert schema.MIGRATIONS[0].count("CREATE TABLE") == 6


async def test_a_file_of_version_1_is_upgraded(tmp_path: Path) -> None:
    """Everything in it stays as it was, positions too, and what is new can be written."""
    with closing(sqlite3.connect(tmp_path / "store.db")) as old:
        old.executescript((Path(__file__).parent / "version-1.sql").read_text())
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        assert [stored.document for stored in store.documents()] == [
            domain(),
            user("ann@example.org", quota=1024),
            alias("info@example.org", "ann@example.org", "x@example.net"),
            script("ann@example.org", active=True),
        ]
        assert [change.position for change in store.changes(0)] == [1, 2, 4, 5, 6]
        await store.put(spam("ann@example.org", threshold=3))
        assert [store.count(kind) for kind in KINDS] == [1, 1, 1, 1, 1, *[0] * (len(KINDS) - 5)]


async def test_a_profile_stays_readable_under_later_rules(tmp_path: Path) -> None:
    """What an earlier version took is read as it is; only what is written is checked."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        await store.apply([Put(domain()), Put(user("a@example.org")), Put(spam("a@example.org"))])
        with closing(sqlite3.connect(tmp_path / "store.db")) as other, other:
            text = '{"type":"spam","owner":"a@example.org","rules":["no longer possible"]}'
            other.execute("UPDATE owned SET json=?", (text,))
    async with SqliteStore(tmp_path / "store.db") as store:
        (stored,) = store.page("spam")
        assert isinstance(stored.document, Spam)
        assert stored.document.rules == ("no longer possible",)


async def test_a_closed_store_answers_nothing(tmp_path: Path) -> None:
    """After closing, reads and writes fail at once instead of waiting for ever."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        await store.put(domain())
    with pytest.raises(StoreUnavailable, match="closed"):
        store.get(Key("domain", "example.org"))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.put(domain())


async def test_a_backup_that_cannot_be_written(tmp_path: Path) -> None:
    """The error names the backup, not the store, and leaves nothing behind."""
    async with SqliteStore(tmp_path / "store.db", create=True) as store:
        with pytest.raises(StoreUnavailable, match=r"backup .*missing/b\.db cannot be written"):
            await store.backup(tmp_path / "missing" / "b.db")
