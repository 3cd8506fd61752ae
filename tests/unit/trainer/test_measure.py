"""What held-out mail says of a run."""

from mailstack.trainer.measure import Figures, Measured, compare

THRESHOLD = 5.0


def measured(name: str, score: float, without: float, *, spam: bool) -> Measured:
    return Measured(name.encode(), spam, score, without)


def test_figures() -> None:
    """Recall and precision by the training, and without it."""
    mail = [
        measured("a", 9, 1, spam=True),
        measured("b", 5, 5, spam=True),
        measured("c", 1, 1, spam=True),
        measured("d", 6, 1, spam=False),
        measured("e", -2, 1, spam=False),
    ]
    result = compare(mail, {}, THRESHOLD)
    assert (result.ham, result.spam) == (2, 3)
    assert result.now == Figures(caught=2, missed=1, false_positives=1)
    assert result.without == Figures(caught=1, missed=2, false_positives=0)
    assert (result.now.recall, result.now.precision) == (0.6667, 0.6667)
    assert result.worse


def test_a_false_positive_that_was_there_before() -> None:
    """A run is judged by what it changed: mail that was lost before is not its fault."""
    mail = [measured("d", 6, 1, spam=False)]
    assert not compare(mail, {b"d": 7.0}, THRESHOLD).worse
    assert compare(mail, {b"d": 1.0}, THRESHOLD).worse


def test_nothing_to_measure_by() -> None:
    """Without held-out mail there is no share of anything, and no reason to undo."""
    result = compare([], {}, THRESHOLD)
    assert (result.now.recall, result.now.precision, result.worse) == (None, None, False)
