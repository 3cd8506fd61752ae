"""Tells that the certificate in force nears its end, or is past it: its owner sees it in time.

Nobody renews a certificate that was brought by hand; and what renews one may have failed for weeks
without a word that was read. So each service that shows it says so, where its other remarks are.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mailstack.daemons.certificate import Validity

_DAY_S: Final = 24 * 3600
NEAR_S: Final = 14 * _DAY_S
"""Authorities that issue for 90 days are asked anew when 30 are left; who has 14 was not."""
_NEAR_PART: Final = 1 / 3
"""Of a certificate's time, where that is less: some are issued for six days."""


@dataclass(slots=True)
class Expiry:
    """Of one service's certificate."""

    of: Validity | None = None
    """The one in force; None: it has none."""
    now: Callable[[], float] = time.time
    _told_on: int = -1
    """Day of the last reminder."""

    def remark(self) -> str:
        """Return one line, the same one each day; empty: there is time, or no certificate."""
        if self.of is None:
            return ""
        when = f"{datetime.fromtimestamp(self.of.ends, UTC):%Y-%m-%d %H:%M} UTC"
        left = self.of.ends - self.now()
        if left <= 0:
            return f"the certificate ended at {when}: whoever checks it refuses; replace it"
        near = min(NEAR_S, (self.of.ends - self.of.begins) * _NEAR_PART)
        return f"the certificate ends at {when}, and is not renewed yet" if left < near else ""

    def reminder(self) -> str:
        """Return the remark if it is the day's first (UTC); else nothing."""
        today, words = int(self.now() // _DAY_S), self.remark()
        if not words or today == self._told_on:
            return ""
        self._told_on = today
        return words
