"""When a key moves on."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.store.samples import dkim

from mailstack.dkim import rotation
from mailstack.dkim.rotation import Rules
from mailstack.model.dkim import Dkim

BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
"""``since`` of the samples."""
RULES = Rules(("rsa",), rotate_days=90, keep_days=7, first_at_once=True, prefix="ms")


def states(document: Dkim) -> list[str]:
    return [key.state for key in document.keys]


@pytest.mark.parametrize(
    ("before", "wanted", "made"),
    [
        ((), False, ["signing"]),
        ((), True, ["signing"]),
        (("signing",), False, []),
        (("signing",), True, ["made"]),
        (("signing", "made"), True, []),
        (("signing", "published"), True, []),
        (("retired",), False, ["made"]),
        (("retiring",), False, ["made"]),
    ],
)
def test_which_keys_are_made(before: tuple[str, ...], wanted: bool, made: list[str]) -> None:  # noqa: FBT001
    """A first one at once, a following one when it is wanted, and one at a time."""
    found = rotation.lacking(dkim("example.org", *before, wanted=wanted), RULES, BEGAN)
    assert [state for _, state in found] == made


def test_a_first_key_may_have_to_wait() -> None:
    """Where the settings want that, even the first key signs only once it has been seen."""
    rules = Rules(("rsa", "ed25519"), 90, 7, first_at_once=False, prefix="ms")
    found = rotation.lacking(dkim(), rules, BEGAN)
    assert found == [("rsa", "made"), ("ed25519", "made")]


@pytest.mark.parametrize(("days", "rotate_days", "due"), [(89, 90, 0), (90, 90, 1), (9999, 0, 0)])
def test_keys_follow_each_other_by_age(days: int, rotate_days: int, due: int) -> None:
    """After so many days of signing; never by itself where that is 0."""
    rules = Rules(("rsa",), rotate_days, 7, first_at_once=True, prefix="ms")
    now = BEGAN + timedelta(days=days)
    assert len(rotation.lacking(dkim("example.org", "signing"), rules, now)) == due


def test_a_switch_is_one_write() -> None:
    """The one that was seen signs, and the one before begins to retire; others stay."""
    before = dkim("example.org", "retired", "signing", "published")
    after = rotation.switched(before, ["k3"], BEGAN)
    assert states(after) == ["retired", "retiring", "signing"]
    assert states(rotation.switched(before, [], BEGAN)) == states(before)
    assert states(rotation.switched(before, ["k1"], BEGAN)) == states(before)


def test_an_old_key_stays_for_mail_that_is_under_way() -> None:
    """Its record may go after ``keep_days``; then its private half is gone for good."""
    before = dkim("example.org", "retired", "retiring", "signing")
    early, late = BEGAN + timedelta(days=6), BEGAN + timedelta(days=7)
    assert rotation.leaving(before, RULES, early) == ()
    (going,) = rotation.leaving(before, RULES, late)
    after = rotation.retired(before, [going.selector], late)
    assert [(key.selector, key.state) for key in after.keys] == [
        ("k2", "retired"),
        ("k3", "signing"),
    ]
    assert after.keys[0].private == ""


def test_what_is_busy() -> None:
    """A wish, or a key that waits to be seen."""
    assert rotation.is_busy(dkim("example.org", "signing", wanted=True))
    assert rotation.is_busy(dkim("example.org", "signing", "made"))
    assert not rotation.is_busy(dkim("example.org", "signing", "retiring", "retired"))
