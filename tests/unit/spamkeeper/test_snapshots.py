"""Copies of a database, and what becomes of a damaged one; spamd's files are made by perl."""

import asyncio
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key
from mailstack.spamkeeper import database, repair
from mailstack.spamkeeper.database import Busy, Learnt, learnt, locked, stamp
from mailstack.spamkeeper.folders import Users
from mailstack.spamkeeper.metrics import KeeperMetrics
from mailstack.spamkeeper.repair import Repair
from mailstack.spamkeeper.sdbm import Damaged
from mailstack.spamkeeper.snapshots import NoSnapshot, Snapshots

KEY = spam_key(Address("anna@example.org"))
LEARN = r"""
use Fcntl; use SDBM_File;
my ($folder, $ham, $spam) = @ARGV;
tie(my %seen, "SDBM_File", "$folder/db_seen", O_RDWR|O_CREAT, 0600) or die $!;
tie(my %toks, "SDBM_File", "$folder/db_toks", O_RDWR|O_CREAT, 0600) or die $!;
$seen{"message $_"} = "h" for 1 .. $ham + $spam;
$toks{pack("N", $_) . "x"} = "token" for 1 .. 3000;
my $magic = "\015\001\007\011\003";
$toks{"${magic}DBVERSION"} = 3;
$toks{"${magic}NTOKENS"} = 3000;
$toks{"${magic}NHAM"} = $ham;
$toks{"${magic}NSPAM"} = $spam;
"""


def learn(folder: Path, ham: int, spam: int) -> None:
    argv = ["perl", "-e", LEARN, str(folder), str(ham), str(spam)]
    subprocess.run(argv, check=True, timeout=60)


@pytest.fixture
def users(tmp_path: Path) -> Users:
    made = Users(tmp_path / "users")
    made.prepare()
    made.make_database(KEY, "learns")
    return made


@pytest.fixture
def snapshots(users: Users) -> Snapshots:
    return Snapshots(users)


def test_nothing_learnt_is_nothing_wrong(users: Users, snapshots: Snapshots) -> None:
    """An empty database can be copied and put back as well."""
    assert learnt(users.database(KEY)) == Learnt()
    copy = snapshots.take(KEY)
    learn(users.database(KEY), 3, 4)
    assert learnt(users.database(KEY)) == Learnt(3, 4, 3000)
    assert snapshots.restore(KEY, copy.name) == Learnt()
    assert learnt(users.database(KEY)) == Learnt()


def test_the_two_newest_are_kept(users: Users, snapshots: Snapshots) -> None:
    """Newest first, each with what it had learnt; names are not used again."""
    for count in (1, 2, 3):
        learn(users.database(KEY), count, count)
        snapshots.take(KEY)
    found = [(copy.name, copy.learnt.nham) for copy in snapshots.of(KEY)]
    assert found == [("3", 3), ("2", 2)]
    for name in ("1", "4", "", "..", "3/../3"):
        with pytest.raises(NoSnapshot):
            snapshots.restore(KEY, name)


def test_a_damaged_copy_is_none(users: Users, snapshots: Snapshots) -> None:
    """It is neither listed nor put back, and the database stays as it is."""
    learn(users.database(KEY), 3, 4)
    snapshots.take(KEY)
    (users.snapshots(KEY) / "1" / "db_toks.pag").write_bytes(b"\xff" * 2048)
    assert list(snapshots.of(KEY)) == []
    before = stamp(users.database(KEY))
    with pytest.raises(NoSnapshot, match="damaged"):
        snapshots.restore(KEY, "1")
    assert stamp(users.database(KEY)) == before


def test_of_a_damaged_database_no_copy_is_made(users: Users, snapshots: Snapshots) -> None:
    """The good copies stay the ones that are kept."""
    learn(users.database(KEY), 3, 4)
    snapshots.take(KEY)
    snapshots.take(KEY)
    (users.database(KEY) / "db_seen.dir").unlink()
    with pytest.raises(Damaged, match=r"db_seen\.dir is missing"):
        snapshots.take(KEY)
    assert [copy.name for copy in snapshots.of(KEY)] == ["2", "1"]


def test_a_copy_that_was_cut_short_is_none(users: Users, snapshots: Snapshots) -> None:
    """What a killed process left does not get into the way of the next copy."""
    left = users.snapshots(KEY) / ".new"
    left.mkdir(parents=True)
    (left / "db_toks.pag").write_bytes(b"half")
    learn(users.database(KEY), 3, 4)
    assert snapshots.take(KEY).learnt.nham == 3
    assert [path.name for path in users.snapshots(KEY).iterdir()] == ["1"]


def test_who_waits_for_the_old_database_gets_the_new_one(
    users: Users, snapshots: Snapshots
) -> None:
    """The lock is the same file before and after, so no two processes write at once."""
    learn(users.database(KEY), 3, 4)
    copy = snapshots.take(KEY)
    waiting = os.open(users.database(KEY) / database.MUTEX, os.O_RDWR)
    snapshots.restore(KEY, copy.name)
    fcntl.flock(waiting, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(Busy), locked(users.database(KEY), timeout_s=0.05):
        pass
    os.close(waiting)
    assert len([path for path in users.database(KEY).parent.iterdir() if path.is_dir()]) == 3


def test_while_spamd_writes_nothing_is_copied(users: Users, snapshots: Snapshots) -> None:
    """Its lock is waited for, and only so long."""
    with locked(users.database(KEY)):
        database_busy = users.database(KEY)
        with pytest.raises(Busy), locked(database_busy, timeout_s=0.05):
            pass
    assert snapshots.take(KEY).name == "1"


@pytest.mark.parametrize("kind", ["shorter", "garbage", "no version", "another count"])
def test_damage_that_is_seen(users: Users, kind: str) -> None:
    """A file that lost its end, holds garbage, or does not fit its own count."""
    folder = users.database(KEY)
    learn(folder, 3, 4)
    pages = folder / "db_toks.pag"
    whole = pages.read_bytes()
    match kind:
        case "shorter":
            pages.write_bytes(whole[: len(whole) // 2048 * 1024 // 4])
        case "garbage":
            pages.write_bytes(os.urandom(8) * (len(whole) // 8))
        case "no version":
            (folder / "db_toks.dir").write_bytes(b"")
        case _:
            pages.write_bytes(whole + whole[-1024:] * 300)
    with pytest.raises(Damaged):
        learnt(folder)


def mending(users: Users) -> tuple[Repair, KeeperMetrics]:
    metrics = KeeperMetrics()
    return Repair(users, Snapshots(users), metrics), metrics


def test_only_what_changed_is_looked_at(users: Users) -> None:
    """Reading every database each minute would be work for nothing."""
    looking, _ = mending(users)
    for key in looking.changed():
        looking.look_at(key)
    assert looking.changed() == []
    learn(users.database(KEY), 3, 4)
    assert looking.changed() == [KEY]
    assert looking.look_at(KEY) == 3000
    assert looking.changed() == []
    users.forget(KEY)
    assert looking.changed() == []


def test_the_newest_sound_copy_comes_back(
    users: Users, snapshots: Snapshots, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged copy is passed over; damage is said and counted once."""
    for count in (1, 2):
        learn(users.database(KEY), count, count)
        snapshots.take(KEY)
    (users.snapshots(KEY) / "2" / "db_toks.pag").write_bytes(b"x")
    (users.database(KEY) / "db_toks.pag").write_bytes(b"x")
    looking, metrics = mending(users)
    for _ in range(3):
        for key in looking.changed():
            looking.look_at(key)
    assert learnt(users.database(KEY)).nham == 1
    assert metrics.damaged.counts == {(): 1}
    assert caplog.text.count("was damaged") == 1


def test_without_a_copy_the_user_begins_anew(
    users: Users, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty database is better than one that cannot be read."""
    learn(users.database(KEY), 3, 4)
    (users.database(KEY) / "db_toks.pag").write_bytes(b"x")
    looking, _ = mending(users)
    assert looking.look_at(KEY) == 0
    assert learnt(users.database(KEY)) == Learnt()
    assert "begins anew" in caplog.text


def test_a_damaged_or_huge_reputation_is_dropped(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TxRep makes its file anew."""
    users.scan_by(KEY, "wishes", own_bayes=False)
    path = users.reputation(KEY)
    looking, _ = mending(users)
    for content, limit in ((b"x" * 100, 10**6), (b"\0" * 2048, 1024)):
        monkeypatch.setattr(repair, "MAX_REPUTATION", limit)
        path.with_name("tx-reputation.pag").write_bytes(content)
        path.with_name("tx-reputation.dir").write_bytes(b"")
        looking.look_at(KEY)
        assert not path.with_name("tx-reputation.pag").exists()


async def test_a_lock_is_waited_for(users: Users) -> None:
    """Whoever asks while a message is learnt gets an answer when that is done."""
    folder = users.database(KEY)

    def wait() -> None:
        with locked(folder, timeout_s=10):
            pass

    with locked(folder):
        waiting = asyncio.create_task(asyncio.to_thread(wait))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
