"""What the trainer counts. Names are API: docs/reference/metrics.md lists them.

No user is named here: who, and how well, is in the ``training`` documents.
"""

import time

from mailstack.observe.metrics import Counter, Gauge, Latency, Metrics
from mailstack.trainer.message import Skip
from mailstack.trainer.report import Report

_ENDS = ("kept", "unchanged", "undone", "failed")


class TrainerMetrics:
    """One of these per process."""

    def __init__(self) -> None:
        self.runs = Counter(
            "mailstack_trainer_runs",
            "Users' runs, by how they ended.",
            ("end",),
            [(end,) for end in _ENDS],
        )
        self.learnt = Counter(
            "mailstack_trainer_learned",
            "Messages taught to spamd, by class.",
            ("class",),
            [("ham",), ("spam",)],
        )
        self.skipped = Counter(
            "mailstack_trainer_skipped",
            "Messages that a run did not learn, by reason.",
            ("reason",),
            [(str(reason),) for reason in Skip],
        )
        # From 17 ms to 2.4 hours.
        self.seconds = Latency(
            "mailstack_trainer_run_seconds", "Time of one user's run.", first_bit=24, buckets=20
        )
        self.running = 0
        self.last_night = 0.0
        self.last_night_failed = 0
        self._page = Metrics(
            self.runs,
            self.learnt,
            self.skipped,
            self.seconds,
            Gauge("mailstack_trainer_running", "Users' runs under way.", lambda: self.running),
            Gauge(
                "mailstack_trainer_last_night_timestamp_seconds",
                "When the night's training last ended, since 1970; 0: not since the start.",
                lambda: self.last_night,
            ),
            Gauge(
                "mailstack_trainer_last_night_failed_users",
                "Users whose run failed in the last night.",
                lambda: self.last_night_failed,
            ),
        )

    def ended(self, report: Report) -> None:
        """Count one user's run."""
        self.runs.counts[(_end(report),)] += 1
        self.learnt.counts[("ham",)] += report.ham
        self.learnt.counts[("spam",)] += report.spam
        for reason, count in report.skipped.items():
            self.skipped.counts[(str(reason),)] += count
        self.seconds.observe(int(report.seconds * 1e9))

    def night_ended(self, failed: int) -> None:
        self.last_night, self.last_night_failed = time.time(), failed

    def exposition(self) -> bytes:
        return self._page.exposition()


def _end(report: Report) -> str:
    if report.failed:
        return "failed"
    if report.undone:
        return "undone"
    return "kept" if report.learnt else "unchanged"
