"""Handshakes are added up by domain, day and policy; nothing counts twice, or grows for ever."""

from pathlib import Path

import pytest
from tests.unit.reports.tls.datagrams import FAILURE, RECORD, SUCCESS, changed, of_policy

from mailstack.protocols.tlsrpt import Failure
from mailstack.reports.tls import counting, journal, numbers
from mailstack.reports.tls.config import KEPT
from mailstack.reports.tls.counting import DAY_S, close_days
from mailstack.reports.tls.kept import Kept, Tally, load, save

DAY = 19_675
NOON = DAY * DAY_S + DAY_S // 2


def counted(folder: Path, kept: Kept, *datagrams: bytes, at: int = NOON) -> tuple[int, str]:
    """Count what came in."""
    for datagram in datagrams:
        assert journal.append(folder / journal.JOURNAL, at, datagram)
    (folder / KEPT).mkdir(exist_ok=True)
    counting.fetch(folder, -1, -1, settle=lambda _: None)
    return counting.take(folder / KEPT, kept)


def test_a_day(tmp_path: Path) -> None:
    """Each policy has its sums; the file holds them all."""
    kept = Kept()
    assert counted(tmp_path, kept, SUCCESS, SUCCESS, FAILURE) == (0, "")
    assert counted(tmp_path, kept, FAILURE, at=NOON + 60) == (0, "")
    tally = kept.days[DAY, "a.example"]
    sums = {policy.type: sums for policy, sums in tally.policies.items()}
    assert (sums["no-policy-found"].succeeded, sums["no-policy-found"].failed) == (2, 0)
    assert (sums["sts"].succeeded, sums["sts"].failed) == (0, 2)
    assert list(sums["sts"].failures.values()) == [2]
    assert tally.sessions == 4
    assert kept.counts == {"succeeded": 2, "failed": 2}
    assert load(tmp_path / KEPT) == kept


def test_nothing_counts_twice(tmp_path: Path) -> None:
    """A pass that was killed after it had saved left its journal; the next one knows that."""
    kept = Kept()
    counted(tmp_path, kept, SUCCESS)
    (tmp_path / KEPT / kept.merged).write_bytes(b"%d %s\n" % (NOON, SUCCESS))
    kept = load(tmp_path / KEPT)
    counted(tmp_path, kept)
    assert kept.days[DAY, "a.example"].sessions == 1
    assert [path.name for path in (tmp_path / KEPT).iterdir()] == ["kept.json"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """The rest of the journal counts."""
    kept = Kept()
    lost, why = counted(tmp_path, kept, b"{}", SUCCESS)
    assert (lost, kept.days[DAY, "a.example"].sessions) == (1, 1)
    assert "domain" in why
    assert 'mailstack_tls_handshakes_total{result="lost"} 1.0' in numbers.text(kept.counts)


def test_no_more_domains_than_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are known go on being counted."""
    monkeypatch.setattr(counting, "MAX_ENTRIES", 4)
    kept = Kept()
    many = [changed(SUCCESS, d=f"d{n}.example") for n in range(5)]
    assert counted(tmp_path, kept, *many, many[0])[0] == 3
    assert kept.days[DAY, "d0.example"].sessions == 2
    assert kept.entries <= 4


def test_no_more_policies_of_one_domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain cannot fill the file by itself."""
    monkeypatch.setattr(counting, "MAX_POLICIES", 3)
    kept = Kept()
    many = [of_policy(FAILURE, policy_string=[f"id: {n}"]) for n in range(5)]
    assert counted(tmp_path, kept, *many)[0] == 2


def test_kinds_of_failures_beyond_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted by their result alone: the sum stays right."""
    monkeypatch.setattr(counting, "MAX_FAILURES", 2)
    kept = Kept()
    many = [of_policy(FAILURE, failure_details=[{"c": 203, "n": f"mx{n}"}]) for n in range(5)]
    counted(tmp_path, kept, *many)
    (sums,) = kept.days[DAY, "a.example"].policies.values()
    assert sums.failures[Failure("certificate-not-trusted")] == 3
    assert sums.failures.total() == sums.failed == 5


def test_days_that_are_over(tmp_path: Path) -> None:
    """A report is made of each; of today only when asked for, up to now."""
    kept = Kept()
    counted(tmp_path, kept, SUCCESS)
    close_days(kept, NOON + 60)
    assert not kept.waiting
    close_days(kept, NOON + DAY_S)
    (report,) = kept.waiting
    assert (report.begin, report.end) == (DAY * DAY_S, (DAY + 1) * DAY_S - 1)
    assert report.identity.startswith("20231114.a.example.")
    kept.days[DAY, "b.example"] = Tally(RECORD)
    close_days(kept, NOON, with_today=True)
    assert kept.waiting[-1].end == NOON
    assert not kept.days
    save(tmp_path, kept)
    assert load(tmp_path) == kept


def test_a_file_of_another_form(tmp_path: Path) -> None:
    """It is told, and not taken for something else."""
    (tmp_path / "kept.json").write_text('{"merged": ""}')
    with pytest.raises(ValueError, match="is not what was written"):
        load(tmp_path)
