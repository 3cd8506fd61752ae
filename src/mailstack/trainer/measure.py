"""What a user's training is worth, by the mail that was never taught. Pure.

Each held-out message is scored twice: by the user's database, and without any. A false positive is
mail of the Inbox that would have been filed as spam. They are what a run is judged by: spam that
slips through is a nuisance, mail that is not seen is a loss.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """One held-out message and its two scores."""

    id: bytes
    spam: bool
    score: float
    without: float
    """Without the user's database."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How one way of scoring did on the held-out mail."""

    caught: int
    """Spam called spam."""
    missed: int
    false_positives: int

    @property
    def recall(self) -> float | None:
        return _share(self.caught, self.caught + self.missed)

    @property
    def precision(self) -> float | None:
        return _share(self.caught, self.caught + self.false_positives)


@dataclass(frozen=True, slots=True)
class Result:
    """What the measuring of one run found."""

    ham: int
    spam: int
    """Held-out messages that were scored."""
    now: Figures
    without: Figures
    before: Figures
    """By the database as it was when it was last measured."""

    @property
    def worse(self) -> bool:
        """Whether the run raised false positives."""
        return self.now.false_positives > self.before.false_positives


def compare(measured: Iterable[Measured], known: Mapping[bytes, float], threshold: float) -> Result:
    """Put scores together. ``known``: what messages scored by the database before.

    A message that was not measured before was judged without a database, as far as we know.
    """
    every = list(measured)
    return Result(
        ham=sum(not one.spam for one in every),
        spam=sum(one.spam for one in every),
        now=_figures(((one.spam, one.score) for one in every), threshold),
        without=_figures(((one.spam, one.without) for one in every), threshold),
        before=_figures(((one.spam, known.get(one.id, one.without)) for one in every), threshold),
    )


def _figures(scores: Iterable[tuple[bool, float]], threshold: float) -> Figures:
    every = [(spam, score >= threshold) for spam, score in scores]
    return Figures(
        caught=every.count((True, True)),
        missed=every.count((True, False)),
        false_positives=every.count((False, True)),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
