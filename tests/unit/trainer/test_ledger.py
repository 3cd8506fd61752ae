"""What was taught, on disk."""

from pathlib import Path

import pytest
from tests.unit.trainer.world import KEY, open_ledger

from mailstack.errors import ServiceFailed
from mailstack.trainer.ledger import Ledger, Lesson

ONE, TWO = b"1" * 12, b"2" * 12


def test_a_run_is_undone_as_a_whole(tmp_path: Path) -> None:
    """New lessons are forgotten, changed ones are what they were before the run."""
    ledger = open_ledger(tmp_path)
    first = ledger.begin(KEY, "1")
    ledger.learnt(first, ONE, spam=False, confirmed=True)
    ledger.keep(first, {})
    second = ledger.begin(KEY, "2")
    ledger.learnt(second, ONE, spam=True, confirmed=True)
    ledger.learnt(second, ONE, spam=False, confirmed=True)
    ledger.learnt(second, ONE, spam=True, confirmed=True)
    ledger.learnt(second, TWO, spam=True, confirmed=True)
    ledger.undo_begins(second, b"lesson")
    ledger.undone(second, b"lesson")
    assert ledger.lessons(KEY, [ONE, TWO]) == {ONE: Lesson(spam=False, shared=None)}
    assert ledger.refused(KEY) == b"lesson"
    assert ledger.run(KEY) is None


def test_it_survives_the_process(tmp_path: Path) -> None:
    """An open run, and that it is being undone, is known to the next process."""
    before = open_ledger(tmp_path)
    run = before.begin(KEY, "7")
    before.learnt(run, ONE, spam=True, confirmed=False)
    before.undo_begins(run, b"x")
    after = open_ledger(tmp_path)
    found = after.run(KEY)
    assert found is not None
    assert (found.number, found.snapshot, found.undoing) == (run.number, "7", b"x")
    assert (after.count(KEY), after.confirmed(KEY)) == (1, 0)


def test_a_removed_user_leaves_nothing(tmp_path: Path) -> None:
    """Every table forgets the user, and no other one."""
    ledger = open_ledger(tmp_path)
    for user in (KEY, "other"):
        run = ledger.begin(user, "1")
        ledger.learnt(run, ONE, spam=True, confirmed=True)
        ledger.note_scores(user, {TWO: 1.5})
    ledger.forget(KEY)
    assert list(ledger.users()) == ["other"]
    assert ledger.scores("other") == {TWO: 1.5}


def test_many_messages_are_asked_at_once(tmp_path: Path) -> None:
    """A page of a mailbox is one question, whatever SQLite's limit of variables is."""
    ledger = open_ledger(tmp_path)
    run = ledger.begin(KEY, "1")
    names = [number.to_bytes(12) for number in range(2000)]
    for name in names[::2]:
        ledger.learnt(run, name, spam=True, confirmed=True)
    assert set(ledger.lessons(KEY, names)) == set(names[::2])


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """A damaged ledger is said, with what to do; it costs one more lesson of everything."""
    (tmp_path / "ledger.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(ServiceFailed, match="move it away"):
        open_ledger(tmp_path)


def test_nights(tmp_path: Path) -> None:
    """Only the last night is remembered."""
    ledger: Ledger = open_ledger(tmp_path)
    assert ledger.night() is None
    ledger.night_done(1.0)
    ledger.night_done(2.0)
    assert ledger.night() == 2.0
