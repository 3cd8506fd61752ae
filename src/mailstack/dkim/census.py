"""What an owner should know of all keys together: numbers for Prometheus, one line for ``status``.

Counted by a pass, which ends, so that nothing of it stays in memory; the agent puts the text where
it is read (``attend.py``).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from prometheus_client.core import GaugeMetricFamily

from mailstack.dkim.master import MASTER
from mailstack.model.dkim import Algorithm, State
from mailstack.observe.metrics import Gauge, Sampled, exposition

PATIENCE: Final = timedelta(days=1)
"""For a new key to be seen everywhere. Longer, and somebody has forgotten to publish it."""
_WAITING: Final = {"made", "published"}


@dataclass(slots=True)
class Census:
    """All keys of all domains."""

    keys: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By algorithm and state."""
    signing_since: dict[str, datetime] = field(default_factory=dict)
    """Algorithm → when the oldest key that signs by it began to."""
    waiting: set[str] = field(default_factory=set)
    """Domains with a key that does not sign yet."""
    waiting_since: datetime | None = None

    def count(self, domain: str, keys: Iterable[Mapping[str, Any]]) -> None:
        """Take in one domain, as couchmail's API shows it."""
        for key in keys:
            algorithm, state = key["algorithm"], key["state"]
            since = datetime.fromisoformat(key["since"])
            self.keys[algorithm, state] += 1
            if state == "signing":
                oldest = self.signing_since.get(algorithm, since)
                self.signing_since[algorithm] = min(oldest, since)
            elif state in _WAITING:
                self.waiting.add(domain)
                self.waiting_since = min(self.waiting_since or since, since)

    def numbers(self, lost: int, failing: int) -> str:
        """Return the text format; ``failing``: domains whose name servers did not do their part."""
        return exposition(
            Sampled(
                GaugeMetricFamily,
                "mailstack_dkim_keys",
                "DKIM keys of all domains.",
                ("algorithm", "state"),
                self._keys,
            ),
            Sampled(
                GaugeMetricFamily,
                "mailstack_dkim_signing_since_seconds",
                "When the oldest key that signs began to, as a Unix time; 0: there is none.",
                ("algorithm",),
                self._signing_since,
            ),
            Gauge(
                "mailstack_dkim_waiting_domains",
                "Domains with a new key that not every name server shows yet.",
                lambda: len(self.waiting),
            ),
            Gauge(
                "mailstack_dkim_waiting_since_seconds",
                "Since when the one that waits longest does, as a Unix time; 0: none does.",
                lambda: self.waiting_since.timestamp() if self.waiting_since else 0,
            ),
            Gauge(
                "mailstack_dkim_lost_domains",
                "Domains with keys that cannot be opened; the stack's key signs for them.",
                lambda: lost,
            ),
            Gauge(
                "mailstack_dkim_failing_domains",
                "Domains whose name servers could not be asked, or took no change, lately.",
                lambda: failing,
            ),
        )

    def _keys(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for algorithm in get_args(Algorithm):
            for state in get_args(State):
                yield (algorithm, state), self.keys[algorithm, state]

    def _signing_since(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for algorithm in get_args(Algorithm):
            since = self.signing_since.get(algorithm)
            yield (algorithm,), since.timestamp() if since else 0

    def remark(self, lost: Iterable[str], failures: Mapping[str, str], now: datetime) -> str:
        """Return the one thing that matters most; empty: all is well."""
        if names := sorted(lost):
            return (
                f"keys of {_some(names)} cannot be opened, so the stack's key signs: "
                f"bring {MASTER} back from a backup, or publish the new keys"
            )
        if failures:
            domain, why = next(iter(sorted(failures.items())))
            return f"keys of {_some(sorted(failures))}: {domain}: {why}"
        if self.waiting_since and now - self.waiting_since > PATIENCE:
            return (
                f"new keys of {_some(sorted(self.waiting))} are not seen in DNS since "
                f"{self.waiting_since:%Y-%m-%d}: publish what 'mailstack dkim show DOMAIN --zone' "
                "prints"
            )
        return ""


def _some(names: list[str]) -> str:
    more = len(names) - 1
    return f"{names[0]} and {more} more" if more else names[0]
