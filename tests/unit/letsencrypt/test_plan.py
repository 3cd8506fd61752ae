"""When the next errand is due."""

from pathlib import Path

import pytest

from mailstack.letsencrypt.errand import Result
from mailstack.letsencrypt.plan import (
    DAY_S,
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    MAX_ISSUED,
    SETTLE_S,
    WEEK_S,
    Plan,
    load,
    save,
)

NOW = 1_000_000.0
NAMES = ("mail.example.org", "mta-sts.example.org")
ISSUED = Result("issued", due=NOW + 60 * DAY_S, expires=NOW + 90 * DAY_S, names=NAMES, asked=NAMES)
FAILED = Result("failed", "no", due=NOW + 60 * DAY_S)


def test_the_first_waits_for_names() -> None:
    """Nothing is ordered before somebody has told which domains there are; then at once."""
    plan = Plan()
    assert plan.moment(None, 0, NOW) == float("inf")
    assert plan.moment(NAMES, NOW, NOW) <= NOW


def test_a_look_each_day_until_it_is_due() -> None:
    """What is in force is looked at now and then, and renewed when its time has come."""
    plan = Plan(look_s=DAY_S)
    plan.after(ISSUED, NAMES, NOW)
    assert plan.moment(NAMES, 0, NOW) == NOW + DAY_S
    late = ISSUED.due - 60
    plan.after(Result("kept", due=ISSUED.due, asked=NAMES), NAMES, late)
    assert plan.moment(NAMES, 0, late) == ISSUED.due


def test_failures_are_further_and_further_apart() -> None:
    """Four tries fall into the first hour, none is more than a day after the one before."""
    plan, now, pauses = Plan(), NOW, list[float]()
    for _ in range(20):
        plan.after(FAILED, NAMES, now)
        pauses.append(plan.moment(NAMES, 0, now) - now)
        now += pauses[-1]
    assert all(FIRST_RETRY_S * 0.75 - 1 < pause < LONGEST_RETRY_S + 1 for pause in pauses)
    assert sum(pauses[:4]) > 3600
    assert pauses[-1] > LONGEST_RETRY_S * 0.75 - 1
    plan.after(ISSUED, NAMES, now)
    assert plan.failures == 0


def test_the_authority_may_ask_for_more() -> None:
    """Its Retry-After is waited for, whatever the names are by now."""
    plan = Plan()
    plan.after(Result("failed", "rateLimited", retry_after_s=2 * DAY_S), NAMES, NOW)
    assert plan.moment(NAMES, 0, NOW) >= NOW + 2 * DAY_S
    assert plan.moment((*NAMES, "mail.example.net"), NOW, NOW) == NOW + 2 * DAY_S


def test_other_names_are_ordered_once_they_have_settled() -> None:
    """A domain that comes or goes is an order some seconds later, even after a failure."""
    for last in (ISSUED, FAILED):
        plan = Plan()
        plan.after(last, NAMES, NOW)
        for names in ((*NAMES, "mail.example.net"), NAMES[:1]):
            assert plan.moment(names, NOW + 5, NOW + 6) == NOW + 5 + SETTLE_S
        assert plan.moment(NAMES[::-1], NOW + 5, NOW + 6) > NOW + 5 + SETTLE_S  # order is no change


def test_a_clock_that_was_wrong() -> None:
    """What was planned while the clock was years ahead is not waited for."""
    plan = Plan()
    plan.after(FAILED, NAMES, NOW + 10_000 * DAY_S)
    assert plan.moment(NAMES, 0, NOW) == NOW


def test_names_that_change_again_and_again_are_a_few_orders() -> None:
    """No more certificates in a week than the authority grants, and a renewal is none of these."""
    plan = Plan()
    for number in range(MAX_ISSUED):
        plan.after(ISSUED, NAMES, NOW + number)
    later = NOW + 100
    assert plan.moment(NAMES[:1], later, later) == min(plan.following, NOW + WEEK_S)
    plan.after(Result("kept", due=later + 60), NAMES, later)
    assert plan.moment(NAMES, 0, later) == later + 60


def test_names_left_out_are_tried_again() -> None:
    """At first soon, then once a day."""
    plan, now, pauses = Plan(look_s=2 * DAY_S), NOW, list[float]()
    without = Result("kept", due=NOW + 60 * DAY_S, dropped={NAMES[1]: "NXDOMAIN"})
    for _ in range(12):
        plan.after(without, NAMES, now)
        pauses.append(plan.moment(NAMES, 0, now) - now)
        now += pauses[-1]
    assert pauses[0] < FIRST_RETRY_S * 1.25 + 1
    assert 0.75 * DAY_S - 1 < pauses[-1] < DAY_S + 1


def test_a_restart_is_no_way_around_a_limit(tmp_path: Path) -> None:
    """What was planned is kept; other settings are tried at once, but for the authority's wish."""
    plan = Plan()
    plan.begin("old")
    for _ in range(3):
        plan.after(Result("failed", "rateLimited", retry_after_s=60), NAMES, NOW)
    save(plan, tmp_path / "plan.json")
    again = load(tmp_path / "plan.json")
    assert (again.failures, again.last, again.wanted) == (3, plan.last, NAMES)
    again.begin("old")
    assert again.moment(NAMES, 0, NOW) == plan.moment(NAMES, 0, NOW)
    again.begin("new")
    assert again.failures == 0
    assert again.moment(NAMES, 0, NOW) == NOW + 60


def test_a_start_looks_at_once(tmp_path: Path) -> None:
    """Where nothing had failed, the first look is now."""
    plan = Plan()
    plan.after(ISSUED, NAMES, NOW)
    save(plan, tmp_path / "plan.json")
    again = load(tmp_path / "plan.json")
    again.begin("")
    assert again.moment(None, 0, NOW) <= NOW


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"last": 3}', "\x00", '{"last": "{}"}'])
def test_what_is_no_plan_is_none(tmp_path: Path, text: str) -> None:
    """A damaged file costs the memory of what was planned, and nothing else."""
    (tmp_path / "plan.json").write_text(text)
    assert load(tmp_path / "plan.json") == Plan()
