"""What is kept of reports to send: one JSON file, replaced whole.

Messages counted by day and domain; reports that are made and not sent yet, with who has got one
already; and what became of the last ones. A report is in the file before it is sent, under the
number it will keep: whoever gets it twice after a crash can tell.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mailstack.identity.tally import Published, Row, published_fields, row_fields, row_of
from mailstack.reports import stored


@dataclass(slots=True)
class Tally:
    """Of one domain on one day."""

    published: Published
    rows: Counter[Row] = field(default_factory=Counter)


@dataclass(slots=True)
class Report:
    """One that is made. ``begin`` and ``end`` are Unix time, both inside."""

    identity: str
    begin: int
    end: int
    published: Published
    rows: Counter[Row]
    done: list[str] = field(default_factory=list)
    """Addresses for which nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one report at one address."""

    at: int
    """Unix time."""
    domain: str
    identity: str
    begin: int
    end: int
    messages: int
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

    @property
    def rows(self) -> int:
        """How many there are, counted or waiting."""
        counted = sum(len(one.rows) for one in self.days.values())
        return counted + sum(len(one.rows) for one in self.waiting)


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
        "days": [
            [day, published_fields(one.published), _rows(one.rows)]
            for (day, _), one in kept.days.items()
        ],
        "waiting": [
            [r.identity, r.begin, r.end, published_fields(r.published), _rows(r.rows), r.done]
            for r in kept.waiting
        ],
        "sent": [asdict(one) for one in kept.sent[-stored.MAX_SENT :]],
    }
    stored.save(folder, document)


def _kept(found: Any) -> Kept:  # noqa: ANN401 - JSON enters here
    kept = Kept(merged=found["merged"], sent=[Sent(**one) for one in found["sent"]])
    for day, fields, rows in found["days"]:
        published = Published(*fields)
        kept.days[day, published.domain] = Tally(published, _counter(rows))
    for identity, begin, end, fields, rows, done in found["waiting"]:
        kept.waiting.append(
            Report(identity, begin, end, Published(*fields), _counter(rows), list(done))
        )
    return kept


def _rows(rows: Counter[Row]) -> list[list[object]]:
    return [[count, *row_fields(row)] for row, count in rows.items()]


def _counter(rows: list[list[Any]]) -> Counter[Row]:
    return Counter({row_of(fields): int(count) for count, *fields in rows})
