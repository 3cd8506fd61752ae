"""A progress bar on standard error, for what turns out to take longer than a second.

Nothing is drawn before that, nor where no person watches; rich is imported when drawing begins.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S = 1.0


@contextmanager
def bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Give a function that takes the steps just done; ``total`` of them are the whole."""
    begun = monotonic()
    done = 0
    drawn: Progress | None = None

    def advance(steps: int) -> None:
        nonlocal done, drawn
        done += steps
        if drawn is None and sys.stderr.isatty() and monotonic() - begun > PATIENCE_S:
            drawn = _draw(text, total)
        if drawn is not None:
            drawn.update(drawn.task_ids[0], completed=done)

    try:
        yield advance
    finally:
        if drawn is not None:
            drawn.stop()


def _draw(text: str, total: int) -> "Progress":
    from rich.console import Console  # noqa: PLC0415 - see the module's docstring
    from rich.progress import Progress  # noqa: PLC0415

    progress = Progress(console=Console(stderr=True), transient=True)
    progress.add_task(text, total=total)
    progress.start()
    return progress
