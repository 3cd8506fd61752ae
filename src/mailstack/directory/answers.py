"""The one place where a store that cannot answer becomes ``Unavailable``."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from mailstack.errors import StoreUnavailable
from mailstack.outcome import Outcome, Unavailable

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


class CannotTell(Exception):
    """There is an answer, but not one that can be given now. The text is for our log."""


def answered(
    lookup: Callable[Concatenate[S, P], Outcome[T]],
) -> Callable[Concatenate[S, P], Outcome[T]]:
    """Make a lookup never raise."""

    @wraps(lookup)
    def answer(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
        try:
            return lookup(self, *args, **kwargs)
        except (StoreUnavailable, CannotTell) as error:
            return Unavailable(str(error))

    return answer
