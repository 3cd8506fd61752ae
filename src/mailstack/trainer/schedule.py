"""When the night's training is due. Pure.

At a set hour of the local day, plus some minutes of this installation's own: a thousand machines
that share a host or a resolver do not all begin in the same second. A night that was slept
through, or broken off, is made up for at the next start.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

_SPREAD_S: Final = 50 * 60
"""Within the hour that the owner named."""
_DAY: Final = timedelta(days=1)


def spread(installation: str) -> timedelta:
    """How long after the full hour, the same every night."""
    number = int.from_bytes(sha256(installation.encode()).digest()[:8])
    return timedelta(seconds=number % _SPREAD_S)


def latest(now: datetime, hour: int, after: timedelta) -> datetime:
    """Return the latest night that has begun; ``now`` is local time."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0) + after
    return today if today <= now else today - _DAY


def following(night: datetime) -> datetime:
    """Return the night after ``night``, at the same time of the day."""
    return night + _DAY
