"""When rules are looked for."""

import datetime as dt

import pytest

from mailstack.spamkeeper.service import seconds_until

NIGHT = dt.datetime(2026, 11, 28, 3, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("hour", "seconds"), [(4, 1800), (3, 23.5 * 3600), (0, 20.5 * 3600), (23, 19.5 * 3600)]
)
def test_the_next_such_hour(hour: int, seconds: float) -> None:
    """Today if it is still to come, else tomorrow."""
    assert seconds_until(hour, NIGHT, spread=0) == seconds


def test_not_all_at_the_same_minute() -> None:
    """Up to half an hour later, by chance."""
    waits = {seconds_until(4, NIGHT) for _ in range(20)}
    assert len(waits) > 1
    assert all(1800 <= wait <= 3600 for wait in waits)
