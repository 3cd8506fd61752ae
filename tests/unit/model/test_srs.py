"""Senders of forwarded mail: rewritten, found again, and never made by others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.model.srs import MAX_ADDRESS, VALID_DAYS, Srs, is_rewritten

DAY = 20_000
OURS = Srs.derived("secret of the stack", "home.example")
OTHER = Srs.derived("another secret", "first.example")
LOCALS = st.from_regex(r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]{1,60}", fullmatch=True)
DOMAINS = st.sampled_from(("remote.example", "a-b.example", "xn--bcher-kva.example"))


def back(address: str | None, day: int = DAY, srs: Srs = OURS) -> str | None:
    assert address is not None
    local, _, domain = address.rpartition("@")
    assert domain == srs.domain
    return srs.reverse(local, day)


def test_the_form() -> None:
    """Other forwarders know it: SRS0, digest, day, domain, local part."""
    found = OURS.forward("alice@remote.example", DAY)
    assert found is not None
    name, digest, day, *rest = found.split("=")
    assert (name, len(digest), len(day)) == ("SRS0", 8, 2)
    assert rest == ["remote.example", "alice@home.example"]


@given(LOCALS, DOMAINS, st.integers(0, 5000), st.integers(0, VALID_DAYS))
def test_a_bounce_finds_the_sender(local: str, domain: str, day: int, later: int) -> None:
    """Whatever the sender is, within the time of a bounce."""
    sender = f"{local}@{domain}"
    rewritten = OURS.forward(sender, day)
    assert back(rewritten, day + later) == sender


@given(LOCALS, DOMAINS)
def test_lost_case_loses_no_bounce(local: str, domain: str) -> None:
    """A server on the way may fold the address."""
    rewritten = OURS.forward(f"{local}@{domain}", DAY)
    assert rewritten is not None
    lower = back(rewritten.lower())
    assert lower is not None
    assert lower.lower() == f"{local}@{domain}".lower()


@given(LOCALS, DOMAINS, st.data())
def test_nobody_else_can_make_one(local: str, domain: str, data: st.DataObject) -> None:
    """One character changed, and it is not ours."""
    rewritten = OURS.forward(f"{local}@{domain}", DAY)
    assert rewritten is not None
    ours = rewritten.rpartition("@")[0]
    at = data.draw(st.integers(0, len(ours) - 1))
    other = data.draw(st.sampled_from("abz27=.").filter(lambda c: c != ours[at].lower()))
    assert OURS.reverse(ours[:at] + other + ours[at + 1 :], DAY) is None
    assert OTHER.reverse(ours, DAY) is None


@given(st.text(max_size=80))
def test_anything_is_answered(local: str) -> None:
    """What comes from the network is text like any other."""
    assert OURS.reverse(local, DAY) is None
    is_rewritten(local)


@pytest.mark.parametrize("later", [VALID_DAYS + 1, 100, 1000])
def test_an_old_one_is_none(later: int) -> None:
    """An address that was collected somewhere is of no use for long."""
    assert back(OURS.forward("alice@remote.example", DAY), DAY + later) is None


def test_a_clock_that_was_ahead() -> None:
    """Written tomorrow, as it seems: it counts."""
    assert back(OURS.forward("alice@remote.example", DAY + 1)) == "alice@remote.example"


def test_two_forwarders() -> None:
    """The second one packs the first one's address, and bounces go straight to that."""
    first = OTHER.forward("alice@remote.example", DAY)
    assert first is not None
    second = OURS.forward(first, DAY)
    assert second is not None
    assert second.startswith("SRS1=")
    assert back(second) == first
    assert OTHER.reverse(first.rpartition("@")[0], DAY) == "alice@remote.example"


def test_three_forwarders() -> None:
    """It does not grow with each: the one in the middle is left out."""
    third = Srs.derived("third", "third.example")
    first = OTHER.forward("alice@remote.example", DAY)
    second = OURS.forward(first or "", DAY)
    found = third.forward(second or "", DAY)
    assert found is not None
    assert found.count("SRS") == 1
    assert back(found, srs=third) == first


@pytest.mark.parametrize(
    "sender", ["", "<>", "nobody", '"two words"@remote.example', f"{'a' * 300}@remote.example"]
)
def test_what_cannot_be_packed(sender: str) -> None:
    """It stays as it is: no address, a quoted one, one that would be too long."""
    assert OURS.forward(sender, DAY) is None


def test_the_longest() -> None:
    """An address in SMTP has a limit, which is kept."""
    sender = f"{'a' * 64}@{'b' * 60}.example"
    found = OURS.forward(sender, DAY)
    assert found is not None
    assert len(found) <= MAX_ADDRESS
