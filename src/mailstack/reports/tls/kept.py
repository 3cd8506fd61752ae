"""What is kept of TLS reports: one JSON file, replaced whole.

Handshakes counted by day and domain; reports that are made and not sent yet, with who has got one
already; and what became of the last ones. A report is in the file before it is sent, under the
number it will keep: whoever gets it twice after a crash can tell.
"""

from collections import Counter
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

from mailstack.protocols.tlsrpt import Failure, Policy
from mailstack.reports import stored


@dataclass(slots=True)
class Sums:
    """Handshakes under one policy."""

    succeeded: int = 0
    failed: int = 0
    failures: Counter[Failure] = field(default_factory=Counter)


@dataclass(slots=True)
class Tally:
    """Of one domain on one day. The record is the one that was seen last."""

    record: str
    policies: dict[Policy, Sums] = field(default_factory=dict)

    @property
    def sessions(self) -> int:
        return sum(one.succeeded + one.failed for one in self.policies.values())

    @property
    def entries(self) -> int:
        """How many things it holds, for a bound."""
        return len(self.policies) + sum(len(one.failures) for one in self.policies.values())


@dataclass(slots=True)
class Report:
    """One that is made. ``begin`` and ``end`` are Unix time, both inside."""

    identity: str
    domain: str
    begin: int
    end: int
    tally: Tally
    done: list[str] = field(default_factory=list)
    """Places for which nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one report at one place."""

    at: int
    """Unix time."""
    domain: str
    identity: str
    begin: int
    end: int
    sessions: int
    to: str
    outcome: str
    """"sent", or why not."""


@dataclass(slots=True)
class Kept:
    """The whole file."""

    merged: str = ""
    """Name of the last journal that is in here: it is not counted twice."""
    days: dict[tuple[int, str], Tally] = field(default_factory=dict)
    waiting: list[Report] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Of all time, for ``numbers``."""

    @property
    def entries(self) -> int:
        """How many things are counted or waiting."""
        waiting = sum(1 + one.tally.entries for one in self.waiting)
        return waiting + sum(1 + one.entries for one in self.days.values())


def load(folder: Path) -> Kept:
    """Read the file; nothing is kept where there is none.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not what ``save`` writes.
    """
    return stored.load(folder, Kept, _kept)


def save(folder: Path, kept: Kept) -> None:
    """Write the file, so that it is there after a power cut."""
    document = {
        "merged": kept.merged,
        "days": [[day, domain, _fields(one)] for (day, domain), one in kept.days.items()],
        "waiting": [
            [r.identity, r.domain, r.begin, r.end, _fields(r.tally), r.done] for r in kept.waiting
        ],
        "sent": [asdict(one) for one in kept.sent[-stored.MAX_SENT :]],
        "counts": kept.counts,
    }
    stored.save(folder, document)


def _kept(found: Any) -> Kept:  # noqa: ANN401 - JSON enters here
    return Kept(
        merged=found["merged"],
        days={(int(day), domain): _tally(fields) for day, domain, fields in found["days"]},
        waiting=[
            Report(identity, domain, begin, end, _tally(fields), list(done))
            for identity, domain, begin, end, fields, done in found["waiting"]
        ],
        sent=[Sent(**one) for one in found["sent"]],
        counts=Counter(found["counts"]),
    )


def _fields(tally: Tally) -> list[Any]:
    policies = [
        [
            astuple(policy),
            sums.succeeded,
            sums.failed,
            [[count, *astuple(failure)] for failure, count in sums.failures.items()],
        ]
        for policy, sums in tally.policies.items()
    ]
    return [tally.record, policies]


def _tally(fields: Any) -> Tally:  # noqa: ANN401 - JSON enters here
    record, policies = fields
    tally = Tally(record)
    for (kind, domain, lines, servers), succeeded, failed, failures in policies:
        policy = Policy(kind, domain, tuple(lines), tuple(servers))
        counts = Counter({Failure(*words): int(count) for count, *words in failures})
        tally.policies[policy] = Sums(int(succeeded), int(failed), counts)
    return tally
