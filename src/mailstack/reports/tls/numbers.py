"""What was told of TLS and what became of the reports, for Prometheus.

Counted by passes, which end, so kept in their file; the agent puts the text where it is read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily

from mailstack.observe.metrics import Labels, Sampled, exposition
from mailstack.reports.tls.kept import Sent

HANDSHAKES: Final = ("succeeded", "failed", "lost")
SENT: Final = ("sent", "unsent")


def outcomes(sent: Iterable[Sent]) -> Counter[str]:
    """What became of reports, as it is counted."""
    return Counter("sent" if one.outcome == "sent" else "unsent" for one in sent)


def text(counts: Counter[str]) -> str:
    """Return the text format."""

    def series(names: tuple[str, ...]) -> Iterator[tuple[Labels, float]]:
        yield from (((name,), counts[name]) for name in names)

    return exposition(
        Sampled(
            CounterMetricFamily,
            "mailstack_tls_handshakes",
            "Handshakes that Postfix told of, under one policy each; lost: in no report.",
            ("result",),
            lambda: series(HANDSHAKES),
        ),
        Sampled(
            CounterMetricFamily,
            "mailstack_tls_reports_sent",
            "Reports about TLS to other domains, one for each place, by whether it took them.",
            ("outcome",),
            lambda: series(SENT),
        ),
    )
