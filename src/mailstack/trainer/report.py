"""What became of one user's run: for the person who waits, the record, and the metrics."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mailstack.trainer.measure import Result
from mailstack.trainer.message import Skip

Figure: TypeAlias = bool | int | float | str | None


@dataclass(slots=True)
class Report:
    """Filled in as the run goes on."""

    user: str
    at: str
    """When it began, in UTC as RFC 3339 writes it."""
    ham: int = 0
    """Learnt in this run."""
    spam: int = 0
    relearnt: int = 0
    """Of them: known as the other before."""
    shared: int = 0
    """Taught to the database of all."""
    skipped: Counter[Skip] = field(default_factory=Counter)
    result: Result | None = None
    """``None``: nothing was new, so nothing was measured."""
    undone: bool = False
    own_bayes: bool | None = None
    """``None``: as before."""
    known_ham: int = 0
    """In the user's database now."""
    known_spam: int = 0
    seconds: float = 0.0
    teaching_s: float = 0.0
    """Of them: reading messages and teaching them."""
    gone: bool = False
    """The user was removed meanwhile."""
    failed: str = ""
    """Why the run could not be done; empty: it was."""

    @property
    def learnt(self) -> int:
        return self.ham + self.spam

    def figures(self) -> Mapping[str, Figure]:
        """Say it in the words of the ``training`` document's runs."""
        return {
            "at": self.at,
            "seconds": round(self.seconds, 2),
            "teaching_seconds": round(self.teaching_s, 2),
            "learned_ham": self.ham,
            "learned_spam": self.spam,
            "relearned": self.relearnt,
            "shared": self.shared,
            "known_ham": self.known_ham,
            "known_spam": self.known_spam,
            "skipped": sum(self.skipped.values()),
            **{f"skipped_{reason}": count for reason, count in sorted(self.skipped.items())},
            "undone": self.undone,
            **_measured(self.result),
        }


def _measured(result: Result | None) -> Mapping[str, Figure]:
    if result is None:
        return {}
    return {
        "held_out_ham": result.ham,
        "held_out_spam": result.spam,
        "false_positives": result.now.false_positives,
        "false_positives_before": result.before.false_positives,
        "false_positives_without": result.without.false_positives,
        "recall": result.now.recall,
        "recall_before": result.before.recall,
        "recall_without": result.without.recall,
        "precision": result.now.precision,
        "precision_without": result.without.precision,
    }
