"""Senders out there, and how often they come."""

from itertools import count

from mailstack.demo.client import Attempt, deliver


def test_a_sender_comes_again_until_it_is_taken() -> None:
    """A 4xx is no refusal: greylisting relies on it."""
    codes = iter([450, 450, 250])
    attempts = deliver(lambda: Attempt(0, next(codes), ""), patience_s=5, retry_s=0.001)
    assert [attempt.code for attempt in attempts] == [450, 450, 250]
    assert attempts[0].after_s <= attempts[1].after_s <= attempts[2].after_s


def test_a_refusal_is_final() -> None:
    """A 5xx ends it at once."""
    codes = count(550)
    assert [a.code for a in deliver(lambda: Attempt(0, next(codes), ""), patience_s=5)] == [550]


def test_patience_ends() -> None:
    """A sender gives up when its time is over, and the last answer says why."""
    attempts = deliver(lambda: Attempt(0, 451, "later"), patience_s=0.01, retry_s=0.004)
    assert 1 < len(attempts) < 10
    assert str(attempts[-1]) == "451 later"
