"""How many reports came and went, for Prometheus: counted by passes, which end, so kept in a file.

One of each kind of end: a report that nobody could read is counted, as is one that could not be
delivered. The agent puts the text where it is read (``attend.py``).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import CounterMetricFamily

from mailstack.aio.files import replace_text
from mailstack.observe.metrics import Labels, Sampled, exposition
from mailstack.reports.kept import Sent

FILE: Final = "numbers.json"
TAKEN, AGAIN, FOREIGN, REFUSED = "taken", "again", "foreign", "refused"
RECEIVED: Final = (TAKEN, AGAIN, FOREIGN, REFUSED)
"""Of what looked like a report: new, known already, about no domain of ours, or not one at all."""
SENT: Final = ("sent", "unsent")
_DELIVERED: Final = "sent"


def load(folder: Path) -> Counter[str]:
    """Read the file; a damaged one begins anew, as a counter may."""
    try:
        found = json.loads((folder / FILE).read_bytes())
        return Counter({name: int(found[name]) for name in (*RECEIVED, *SENT) if name in found})
    except (OSError, ValueError, TypeError):
        return Counter()


def save(folder: Path, counts: Counter[str]) -> None:
    replace_text(folder / FILE, json.dumps(counts), mode=0o600)


def outcomes(sent: Iterable[Sent]) -> Counter[str]:
    """What became of reports, as it is counted."""
    return Counter("sent" if one.outcome == _DELIVERED else "unsent" for one in sent)


def text(counts: Counter[str]) -> str:
    """Return the text format."""

    def series(names: tuple[str, ...]) -> Iterator[tuple[Labels, float]]:
        yield from (((name,), counts[name]) for name in names)

    return exposition(
        Sampled(
            CounterMetricFamily,
            "mailstack_reports_received",
            "What looked like a report of DMARC or TLS about our domains, by what it was.",
            ("outcome",),
            lambda: series(RECEIVED),
        ),
        Sampled(
            CounterMetricFamily,
            "mailstack_reports_sent",
            "Reports to other domains, one for each address, by whether it took them.",
            ("outcome",),
            lambda: series(SENT),
        ),
    )
