"""Delays between tries."""

from hypothesis import given
from hypothesis import strategies as st

from mailstack.aio.backoff import Backoff


def middle() -> float:
    """The random number that means no jitter."""
    return 0.5


def test_grows_to_its_limit() -> None:
    """Each failure doubles the wait, up to the limit."""
    backoff = Backoff(first_s=1, limit_s=10, random=middle)
    assert [backoff.next_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_reset_after_being_well() -> None:
    """What has been well starts again with the shortest wait."""
    backoff = Backoff(first_s=1, random=middle)
    backoff.next_s()
    backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 1


def test_never_overflows() -> None:
    """A service that fails for a year still has a finite wait."""
    backoff = Backoff(limit_s=30, random=middle, failures=10_000_000)
    assert backoff.next_s() == 30


@given(st.floats(0, 1), st.integers(0, 100))
def test_jitter_stays_in_its_bounds(chance: float, failures: int) -> None:
    """A wait differs by a quarter at most, and is never above the limit."""
    plain = Backoff(first_s=0.1, limit_s=30, random=middle, failures=failures).next_s()
    spread = Backoff(first_s=0.1, limit_s=30, random=lambda: chance, failures=failures).next_s()
    assert plain * 0.75 - 1e-9 <= spread <= min(plain * 1.25 + 1e-9, 30)
