"""What the trainer found out about a user's mail, run by run."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from mailstack.model.addresses import Address, parse_address
from mailstack.model.keys import BaseDocument, Key

MAX_RUNS: Final = 30
"""About a month of nights."""
MAX_FIGURES: Final = 40
"""Of one run."""

Figure: TypeAlias = (
    StrictBool
    | StrictInt
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[StrictStr, Field(max_length=200)]
    | None
)
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
