"""What the trainer found out about a user's mail, run by run."""

from math import isfinite
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from mailstack.model.addresses import Address, parse_address
from mailstack.model.keys import BaseDocument, Key

MAX_RUNS: Final = 30
"""About a month of nights."""
MAX_FIGURES: Final = 40
"""Of one run."""

MAX_WORDS: Final = 200
"""Characters of a figure that is a text."""


def _figure(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("a figure is a finite number")
    if isinstance(value, str) and len(value) > MAX_WORDS:
        raise ValueError(f"a figure has at most {MAX_WORDS} characters")
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError("a figure is a number, a few words, true, false or null")
    return value


Figure: TypeAlias = Annotated[bool | int | float | str | None, BeforeValidator(_figure)]
"""A number, a time, a few words; which ones a run has is the trainer's business."""

Run: TypeAlias = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Figure],
    Field(max_length=MAX_FIGURES),
]


class Training(BaseDocument):
    """The results of one user; written by the trainer, never by a person."""

    type: Literal["training"] = "training"
    owner: Annotated[Address, AfterValidator(parse_address)]
    own_bayes: StrictBool = False
    """The user's own database decides: it has learnt enough, and did not get worse."""
    runs: Annotated[tuple[Run, ...], Field(max_length=MAX_RUNS)] = ()
    """The newest last."""

    @property
    def key(self) -> Key:
        return Key("training", self.owner)
