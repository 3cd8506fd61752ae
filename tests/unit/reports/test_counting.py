"""Messages are counted once, whatever is killed on the way, and days become reports."""

from collections import Counter
from pathlib import Path

import pytest
from tests.unit.reports.records import DAY, PUBLISHED, RECORD, ROW, row

from mailstack.identity.tally import JOURNAL, Journal
from mailstack.reports import counting
from mailstack.reports.counting import close_days, take
from mailstack.reports.kept import Kept, Report, Sent, Tally, load, save
from mailstack.reports.stored import FILE

NOON = DAY * 86_400 + 43_200.0


def wrote(folder: Path, messages: int) -> None:
    note = Journal(folder / JOURNAL, lambda: NOON)
    for _ in range(messages):
        note(RECORD)


def counted(folder: Path) -> int:
    return sum(one.rows.total() for one in load(folder).days.values())


def no_pause(_: float) -> None:
    """Nobody writes in a test."""


def test_the_journal_is_counted(tmp_path: Path) -> None:
    """Pass after pass, and the file is gone each time."""
    for expected in (3, 6):
        wrote(tmp_path, 3)
        assert take(tmp_path, load(tmp_path), settle=no_pause) == 0
        assert counted(tmp_path) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE]


class Killed(BaseException):
    """The process ends here."""


def test_killed_before_the_counts_are_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is still there, under its own name, and is counted by the next pass."""
    wrote(tmp_path, 3)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(counting, "save", die)
        with pytest.raises(Killed):
            take(tmp_path, Kept(), settle=no_pause)
    wrote(tmp_path, 2)
    take(tmp_path, load(tmp_path), settle=no_pause)
    assert counted(tmp_path) == 5


def test_killed_after_the_counts_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is counted twice."""
    wrote(tmp_path, 3)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(Killed):
            take(tmp_path, Kept(), settle=no_pause)
    take(tmp_path, load(tmp_path), settle=no_pause)
    assert counted(tmp_path) == 3


def test_rows_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New ones beyond the limit are lost, which is told; those that are there go on counting."""
    monkeypatch.setattr(counting, "MAX_ROWS", 1)
    kept = Kept(days={(DAY, "b.example"): Tally(PUBLISHED, Counter({row(1): 1}))})
    wrote(tmp_path, 2)
    assert take(tmp_path, kept, settle=no_pause) == 2


def test_a_day_that_is_over_is_reported(tmp_path: Path) -> None:
    """From its first second to its last; today waits unless it is asked for."""
    wrote(tmp_path, 2)
    kept = load(tmp_path)
    take(tmp_path, kept, settle=no_pause)
    close_days(kept, NOON)
    assert not kept.waiting
    close_days(kept, NOON + 86_400)
    (report,) = kept.waiting
    assert (report.begin, report.end) == (DAY * 86_400, DAY * 86_400 + 86_399)
    assert report.rows == Counter({ROW: 2})
    assert not kept.days


def test_today_so_far(tmp_path: Path) -> None:
    """On demand, up to now; what comes later is another report."""
    wrote(tmp_path, 1)
    kept = load(tmp_path)
    take(tmp_path, kept, settle=no_pause)
    close_days(kept, NOON, with_today=True)
    assert kept.waiting[0].end == NOON
    assert not kept.days


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    """All of it, exactly."""
    kept = Kept(
        "rows.1",
        {(DAY, "a.example"): Tally(PUBLISHED, Counter({ROW: 7, row(2): 1}))},
        [Report("1.a.example.x", 1, 2, PUBLISHED, Counter({ROW: 3}), ["rua@a.example"])],
        [Sent(1, "a.example", "1.a.example.x", 1, 2, 3, "rua@a.example", "sent")],
    )
    save(tmp_path, kept)
    assert load(tmp_path) == kept


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"sent":[],"days":[[1]],"waiting":[]}'])
def test_a_file_that_is_something_else(text: str, tmp_path: Path) -> None:
    """One error that can be told, not any of Python's."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        load(tmp_path)
