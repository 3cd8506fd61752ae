"""Steps of a demonstration: run in order, each keeps its error to itself."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mailstack.errors import MailstackError

W = TypeVar("W")


class NotProved(MailstackError):
    """A step ran and did not show what it was to show."""


@dataclass(frozen=True, slots=True)
class Step(Generic[W]):
    """One thing to do, and what is proved when it works."""

    title: str
    proves: str
    action: Callable[[W], str]
    """Returns one line on what came out.

    Raises:
        NotProved, or whatever went wrong.
    """
    essential: bool = False
    """Whether nothing after it can work when it fails."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a step went."""

    title: str
    proves: str
    succeeded: bool
    detail: str
    seconds: float
    tried: bool = True


def walk(
    steps: Sequence[Step[W]], world: W, *, begin: Callable[[Step[W]], None]
) -> Iterator[Result]:
    """Run the steps in order, yielding each result as it comes; ``begin`` is told before each."""
    for number, step in enumerate(steps):
        begin(step)
        result = _run(step, world)
        yield result
        if step.essential and not result.succeeded:
            yield from (_not_tried(missed) for missed in steps[number + 1 :])
            return


def _not_tried(step: Step[W]) -> Result:
    return Result(step.title, step.proves, succeeded=False, detail="", seconds=0.0, tried=False)


def _run(step: Step[W], world: W) -> Result:
    started = time.monotonic()
    try:
        detail, succeeded = step.action(world), True
    except Exception as error:  # noqa: BLE001 - one step's error must not end the others
        detail, succeeded = _one_line(error), False
    seconds = time.monotonic() - started
    return Result(step.title, step.proves, succeeded, " ".join(detail.split()), seconds)


def _one_line(error: Exception) -> str:
    return str(error) if isinstance(error, MailstackError) else f"{type(error).__name__}: {error}"


def expect(*, that: bool, otherwise: str) -> None:
    """Go on only when it is so.

    Raises:
        NotProved: it is not.
    """
    if not that:
        raise NotProved(otherwise)
