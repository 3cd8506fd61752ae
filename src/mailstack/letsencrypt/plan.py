"""When the next errand is due: after which result, and not sooner than the authority likes.

A state and questions about it, without a clock of its own: times are seconds of the epoch. It is
kept in a file, so that a restart is no way around a limit.

Limits of Let's Encrypt that this stays below: 5 failed proofs of a name an hour, 50 certificates of
a registered domain and 5 of the very same names a week (letsencrypt.org/docs/rate-limits).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mailstack.aio.backoff import Backoff
from mailstack.aio.files import replace_text
from mailstack.errors import ProtocolError
from mailstack.letsencrypt.errand import Result

HOUR_S: Final = 3600.0
WEEK_S: Final = 7 * 24 * HOUR_S
FIRST_RETRY_S: Final = 300.0
"""After a failure; doubled with each further one. Four tries fall into the first hour."""
LONGEST_RETRY_S: Final = 12 * HOUR_S
DAY_S: Final = 24 * HOUR_S
LONGEST_MISSING_S: Final = DAY_S
"""Between two tries for names that were left out."""
SETTLE_S: Final = 10.0
"""After a change of the domains: a few that are added one after the other are one order."""
SOONEST_S: Final = 10.0
"""Between two errands by the clock, whatever the certificate says."""
FURTHEST_S: Final = 8 * DAY_S
"""Nothing is ever planned for later: what is was planned by a clock that was wrong."""
MAX_ISSUED: Final = 20
"""Certificates in a week because names changed; renewals are as many as the lifetime asks for."""
_JITTER: Final = 0.1
"""Share by which the authority's own wish is exceeded, so that not all come back at once."""


@dataclass(slots=True)
class Plan:
    last: Result | None = None
    tried: float = 0.0
    """When the last errand ended."""
    succeeded: float = 0.0
    """When the last certificate came."""
    wanted: tuple[str, ...] = ()
    """Names of the last errand."""
    failures: int = 0
    """Errands that failed, one after the other."""
    missing: int = 0
    """Errands that left names out, one after the other."""
    following: float = 0.0
    """When the clock asks for the next one."""
    not_before: float = 0.0
    """The authority's wish."""
    issued: list[float] = field(default_factory=list)
    """Within a week."""
    look_s: float = HOUR_S
    """Between two looks at the certificate, which somebody else may have exchanged."""
    settings: str = ""
    """What the order depends on: another one is tried at once."""

    def after(self, result: Result, wanted: Sequence[str], now: float) -> None:
        """Note what came of an errand, and decide about the next one."""
        self.last, self.tried = result, now
        self.wanted = tuple(wanted) or result.asked
        if result.done == "failed":
            self.following = now + max(self._retry_s(), result.retry_after_s * (1 + _JITTER))
            self.not_before = now + result.retry_after_s
            return
        self.failures, self.not_before = 0, 0.0
        if result.done == "issued":
            self.succeeded = now
            self.issued = [*(one for one in self.issued if one > now - WEEK_S), now]
        self.following = now + self._pause_s(result, now)

    def _retry_s(self) -> float:
        backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, failures=self.failures)
        self.failures += 1
        return backoff.next_s()

    def _pause_s(self, result: Result, now: float) -> float:
        pause_s = self.look_s
        if result.done != "owners":
            pause_s = min(pause_s, max(result.due - now, SOONEST_S))
        if not result.dropped:
            self.missing = 0
            return pause_s
        backoff = Backoff(FIRST_RETRY_S, LONGEST_MISSING_S, failures=self.missing)
        self.missing += 1
        return min(pause_s, backoff.next_s())

    def moment(self, wanted: Sequence[str] | None, changed: float, now: float) -> float:
        """Return when the next errand is due; ``changed``: since when the names are ``wanted``."""
        if wanted is None and not self.wanted:
            return float("inf")  # nobody has told yet which domains there are
        at = self.following
        if wanted is not None and set(wanted) != set(self.wanted):
            at = min(at, max(changed + SETTLE_S, self._budget(now))) if self.last else now
        at = max(at, self.not_before)
        return at if at <= now + FURTHEST_S else now

    def _budget(self, now: float) -> float:
        recent = [one for one in self.issued if one > now - WEEK_S]
        return recent[-MAX_ISSUED] + WEEK_S if len(recent) >= MAX_ISSUED else 0.0

    def begin(self, settings: str) -> None:
        """With other settings than before, what failed may go well: the next errand is due now."""
        if settings != self.settings:
            self.settings, self.failures, self.missing, self.following = settings, 0, 0, 0.0
        if self.last is not None and self.last.done != "failed":
            self.following = 0.0  # a look costs nothing


def load(file: Path) -> Plan:
    """Read what ``save`` wrote; where there is nothing, or something else, begin anew."""
    try:
        raw: dict[str, Any] = json.loads(file.read_text())
        last = raw["last"]
        return Plan(
            last=None if last is None else Result.decode(last.encode()),
            tried=float(raw["tried"]),
            succeeded=float(raw["succeeded"]),
            wanted=tuple(map(str, raw["wanted"])),
            failures=int(raw["failures"]),
            missing=int(raw["missing"]),
            following=float(raw["following"]),
            not_before=float(raw["not_before"]),
            issued=[float(one) for one in raw["issued"]],
            settings=str(raw["settings"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ProtocolError):
        return Plan()


def save(plan: Plan, file: Path) -> None:
    """Keep it.

    Raises:
        OSError: the volume does not take it.
    """
    raw = {name: getattr(plan, name) for name in Plan.__slots__}
    raw["last"] = None if plan.last is None else plan.last.encode().decode()
    replace_text(file, json.dumps(raw) + "\n", mode=0o600)
