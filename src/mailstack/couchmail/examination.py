"""Keeps what the last examination found, and shows its numbers.

It is no document: nobody follows it, and a backup without it lacks nothing. It lies beside the
database, so that a restart does not forget it; where it cannot be written it is kept in memory.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from pydantic import ValidationError

from mailstack.aio.files import replace_text
from mailstack.model.examination import SEVERITIES, Counts, Examination
from mailstack.observe.metrics import Labels, Metrics, Sampled

log = logging.getLogger(__name__)

FILE: Final = "examination.json"
_PRIVATE: Final = 0o600


class Examinations:
    """The last one, if there was one."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self.last = _read(self._file)

    def keep(self, examination: Examination) -> None:
        """Take the place of the one before."""
        self.last = examination
        try:
            replace_text(self._file, examination.model_dump_json() + "\n", mode=_PRIVATE)
        except OSError as error:
            log.warning("what was examined is not kept through a restart: %s", error)

    def show(self, metrics: Metrics) -> None:
        """Add its numbers. What was not found is 0: a series that is missing raises no alert."""
        metrics.add(
            Sampled(
                GaugeMetricFamily,
                "mailstack_doctor_findings",
                "What the last examination found, by severity.",
                ("severity",),
                self._sums,
            )
        )
        metrics.add(
            Sampled(
                GaugeMetricFamily,
                "mailstack_doctor_check_findings",
                "What each check of the last examination found, by severity.",
                ("check", "severity"),
                self._checks,
            )
        )
        metrics.add(
            Sampled(
                GaugeMetricFamily,
                "mailstack_doctor_last_run_timestamp_seconds",
                "When the last examination was, as a Unix time; missing before the first.",
                (),
                self._time,
            )
        )

    def _sums(self) -> Iterator[tuple[Labels, float]]:
        counts = self.last.sum() if self.last else Counts()
        for severity in SEVERITIES:
            yield (severity,), counts.number(severity)

    def _checks(self) -> Iterator[tuple[Labels, float]]:
        for check, counts in (self.last.checks if self.last else {}).items():
            for severity in SEVERITIES:
                yield (check, severity), counts.number(severity)

    def _time(self) -> Iterator[tuple[Labels, float]]:
        if self.last:
            yield (), self.last.at


def _read(file: Path) -> Examination | None:
    try:
        return Examination.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("the last examination in %s cannot be read: %s", file, error)
        return None
