"""What the last examination found, as Prometheus reads it from a file."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

from prometheus_client.core import GaugeMetricFamily

from mailstack.findings import Severity
from mailstack.observe.metrics import Gauge, Sampled, exposition

_SEVERITIES: Final[tuple[str, ...]] = get_args(Severity)


def numbers(found: Mapping[str, Sequence[str]], now: int) -> str:
    """Return the text format. ``found``: the severities of each check's findings.

    What was not found is 0: a series that is missing raises no alert.
    """

    def checks() -> Iterator[tuple[tuple[str, ...], float]]:
        for check, severities in found.items():
            for severity in _SEVERITIES:
                yield (check, severity), severities.count(severity)

    def sums() -> Iterator[tuple[tuple[str, ...], float]]:
        counted = Counter(one for severities in found.values() for one in severities)
        for severity in _SEVERITIES:
            yield (severity,), counted[severity]

    return exposition(
        Sampled(
            GaugeMetricFamily,
            "mailstack_doctor_findings",
            "What the last examination found, by severity.",
            ("severity",),
            sums,
        ),
        Sampled(
            GaugeMetricFamily,
            "mailstack_doctor_check_findings",
            "What each check of the last examination found, by severity.",
            ("check", "severity"),
            checks,
        ),
        Gauge(
            "mailstack_doctor_last_run_timestamp_seconds",
            "When the last examination was, as a Unix time.",
            lambda: now,
        ),
    )
