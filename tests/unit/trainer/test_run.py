"""One user's run, from the mailbox to the record."""

import pytest
from tests.unit.trainer.world import KEY, LEARNING, Killed, World

from mailstack.model.spamkey import SITE, training_profile
from mailstack.trainer import survey
from mailstack.trainer.message import Skip
from mailstack.trainer.peers import Wishes
from mailstack.trainer.run import NotLearning
from mailstack.trainer.waiting import Unreachable


async def test_each_message_is_learnt_once(world: World) -> None:
    """Inbox is ham, Spam is spam, and a second run learns nothing and asks nothing."""
    world.mailbox.fill("INBOX", "beans", 3)
    world.mailbox.fill("Spam", "pills", 2)
    first = await world.nightly()
    assert (first.ham, first.spam) == (3, 2)
    assert sorted(world.known().values()) == [False, False, False, True, True]
    told = len(world.spamd.told)
    second = await world.nightly()
    assert (second.learnt, len(world.spamd.told), second.result) == (0, told, None)


async def test_what_moved_is_learnt_anew(world: World) -> None:
    """A message that its user moved to the other folder is taught as the other."""
    mails = [one for one in world.mailbox.fill("INBOX", "beans", 2) if not one.held_out]
    await world.nightly()
    world.mailbox.move(mails[0], "Spam")
    report = await world.nightly()
    assert (report.spam, report.relearnt) == (1, 1)
    assert sorted(world.known().values()) == [False, True]
    assert (await world.nightly()).learnt == 0


async def test_removed_mail_stays_learnt(world: World) -> None:
    """Whoever tidies up does not make the filter forget."""
    mails = world.mailbox.fill("Spam", "pills", 2)
    await world.nightly()
    for mail in mails:
        world.mailbox.folders["Spam"].remove(mail)
    await world.nightly()
    assert len(world.known()) == 2


async def test_what_is_not_learnt(world: World) -> None:
    """Young, unread, large, marked and unreadable messages are skipped and counted."""
    add, now = world.mailbox.add, 4e9
    add("INBOX", "a", arrived=now)
    add("INBOX", "b", flags=frozenset())
    add("INBOX", "c", b"x" * LEARNING.max_octets)
    add("INBOX", "d", flags=frozenset({"\\seen", "$junk"}))
    add("Spam", "e", flags=frozenset({"\\deleted"}))
    for mail in world.mailbox.fill("Spam", "torn", 1):
        mail.unreadable = True
    report = await world.nightly()
    assert report.learnt == 0
    assert report.skipped[Skip.YOUNG] == report.skipped[Skip.UNREAD] == 1
    assert report.skipped[Skip.LARGE] == 1
    assert report.skipped[Skip.MARKED] == 2
    assert report.skipped[Skip.BROKEN] >= 1


async def test_spam_counts_where_a_message_lies_in_both_folders(world: World) -> None:
    """A copy in the Inbox must not teach the opposite every night."""
    world.mailbox.fill("Spam", "pills", 1)
    for mail in list(world.mailbox.folders["Spam"]):
        world.mailbox.add("INBOX", mail.name, b"pills")
    await world.nightly()
    assert list(world.known().values()) == [True]
    assert (await world.nightly()).learnt == 0


async def test_held_out_mail_is_never_taught(world: World) -> None:
    """A tenth is measured by and never learnt, wherever it lies."""
    mails = world.mailbox.fill("INBOX", "beans", 60)
    kept = [one for one in mails if one.held_out]
    assert kept
    await world.nightly()
    world.mailbox.move(kept[0], "Spam")
    report = await world.nightly()
    assert report.learnt == 0
    assert not {one.text for one in kept} & set(world.known())
    assert len(world.spamd.told) == 60


async def test_spamd_restarts_in_the_middle(world: World) -> None:
    """The trainer waits, and goes on with the message that was not answered."""
    world.mailbox.fill("Spam", "pills", 3)
    world.spamd.down = 5
    report = await world.nightly()
    assert report.spam == 3
    assert not report.skipped[Skip.BROKEN]


async def test_spamd_stays_away(world: World) -> None:
    """After a long time the run is left open; the next one goes on with it."""
    world.mailbox.fill("Spam", "pills", 3)
    world.spamd.down = 10**6
    with pytest.raises(Unreachable, match="spamd"):
        await world.nightly()
    assert world.ledger.run(KEY) is not None
    world.spamd.down = 0
    assert (await world.nightly()).spam == 3
    assert world.ledger.run(KEY) is None


async def test_a_message_that_kills_spamd(world: World) -> None:
    """One message that nobody can read must not end the night."""
    world.mailbox.fill("Spam", "pills", 2)
    world.mailbox.fill("Spam", "poison", 1)
    world.spamd.fatal = b"poison"
    report = await world.nightly()
    assert report.spam == 2
    assert report.skipped[Skip.BROKEN] >= 1


async def test_dovecot_restarts(world: World) -> None:
    """The mailbox is opened again."""
    world.mailbox.fill("Spam", "pills", 2)
    world.mailbox.breaks = 4
    assert (await world.nightly()).spam == 2


@pytest.mark.parametrize("after", [0, 1, 4])
async def test_killed_while_it_learns(world: World, after: int) -> None:
    """Nothing is half-learnt: what spamd took and the ledger did not is taught again, in vain."""
    world.mailbox.fill("Spam", "pills", 3)
    world.mailbox.fill("INBOX", "beans", 3)
    world.spamd.kill_trainer_after = after
    with pytest.raises(Killed):
        await world.nightly()
    world.spamd.kill_trainer_after = -1
    report = await world.nightly()
    assert report.learnt == 6 - after
    assert sorted(world.known().values()) == [False] * 3 + [True] * 3
    assert len(world.keeper.copies) == 1, "the copy is the one from before the whole run"
    assert (await world.nightly()).learnt == 0


def poison(world: World) -> None:
    """Ham that its user has put into Spam: more of it than there was ham."""
    world.mailbox.fill("Spam", "beans", 120)


async def trained(world: World) -> dict[bytes, bool]:
    """A world after a good night."""
    world.mailbox.fill("INBOX", "beans", 60)
    assert any(mail.held_out for mail in world.mailbox.folders["INBOX"])
    await world.nightly()
    return dict(world.known())


async def test_a_poisoned_run_is_undone(world: World) -> None:
    """More false positives: database and ledger are what they were, and the report says so."""
    good = await trained(world)
    count = world.ledger.count(KEY)
    poison(world)
    report = await world.nightly()
    assert report.undone
    assert report.result is not None
    assert report.result.now.false_positives > report.result.before.false_positives == 0
    assert report.own_bayes is None, "what was decided before still holds"
    assert (world.known(), world.ledger.count(KEY)) == (good, count)


async def test_the_same_poison_is_not_taken_twice(world: World) -> None:
    """An undone lesson is tried again only when it has become another one."""
    await trained(world)
    poison(world)
    await world.nightly()
    told = len(world.spamd.told)
    again = await world.nightly()
    assert (again.undone, len(world.spamd.told)) == (True, told)
    world.mailbox.folders["Spam"].clear()
    world.mailbox.fill("Spam", "pills", 2)
    better = await world.nightly()
    assert (better.undone, better.spam) == (False, 2)


async def test_killed_while_it_undoes(world: World) -> None:
    """The next run puts the database back once more, before anything else."""
    good = await trained(world)
    poison(world)
    world.keeper.kill_after_restore = True
    with pytest.raises(Killed):
        await world.nightly()
    world.keeper.kill_after_restore = False
    world.mailbox.folders["Spam"].clear()
    await world.nightly()
    assert world.known() == good
    assert world.ledger.run(KEY) is None


async def test_a_lost_database_is_taught_anew(world: World) -> None:
    """A database that knows less than the ledger says has been damaged and replaced."""
    world.mailbox.fill("INBOX", "beans", 3)
    await world.nightly()
    world.known().clear()
    report = await world.nightly()
    assert (report.ham, len(world.known())) == (3, 3)


async def test_a_database_that_does_not_learn(world: World) -> None:
    """The spamd that says yes to everything and keeps nothing is found out."""
    world.mailbox.fill("Spam", "pills", 12)
    world.spamd.deaf = True
    with pytest.raises(NotLearning):
        await world.nightly()
    assert world.ledger.count(KEY) == 0
    world.spamd.deaf = False
    assert (await world.nightly()).spam == 12


async def test_what_was_moved_counts_at_once(world: World) -> None:
    """A correction works before the night, young or not; the night measures it."""
    mails = [one for one in world.mailbox.fill("INBOX", "beans", 2) if not one.held_out]
    await world.nightly()
    world.mailbox.move(mails[0], "Spam")
    mails[0].arrived = 4e9
    moved = await world.at_once()
    assert (moved.spam, moved.relearnt, moved.result) == (1, 1, None)
    assert world.ledger.run(KEY) is not None
    night = await world.nightly()
    assert (night.learnt, night.result is None) == (0, False)
    assert world.ledger.run(KEY) is None


async def test_moves_do_not_waive_the_grace_of_the_inbox(world: World) -> None:
    """What nobody moved, and may not have been looked at, waits."""
    for mail in world.mailbox.fill("INBOX", "beans", 1):
        mail.arrived = 4e9
    assert (await world.at_once()).learnt == 0


async def test_shared_training(world: World) -> None:
    """What was kept is taught to the database of all, of users who allow it, and once."""
    world.mailbox.fill("Spam", "pills", 2)
    await world.nightly()
    site = training_profile(SITE)
    assert site not in world.spamd.databases
    world.records.asked_for = Wishes(share=True)
    report = await world.nightly()
    assert report.shared == 2
    assert (await world.nightly()).shared == 0


async def test_poison_is_not_shared(world: World) -> None:
    """An undone run taught nobody else."""
    await trained(world)
    world.records.asked_for = Wishes(share=True)
    poison(world)
    assert (await world.nightly()).undone
    assert True not in world.spamd.databases.get(training_profile(SITE), {}).values()


async def test_a_run_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest come first, the rest in the next nights."""
    monkeypatch.setattr(survey, "MAX_LEARNT", 2)
    world.mailbox.fill("Spam", "pills", 5)
    reports = [await world.nightly() for _ in range(4)]
    assert [report.spam for report in reports] == [2, 2, 1, 0]
    assert reports[0].skipped[Skip.LATER] == 3
