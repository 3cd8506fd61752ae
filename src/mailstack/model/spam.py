"""What a user wants of SpamAssassin: threshold, welcome and block lists, rules, languages."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StrictBool, model_validator

from mailstack.model.addresses import Address, parse_address
from mailstack.model.keys import BaseDocument, Key
from mailstack.model.spam_patterns import MAX_PATTERNS, parse_pattern
from mailstack.model.spam_rules import MAX_RULES, check_together, parse_rule
from mailstack.model.spamkey import wants_own

MIN_THRESHOLD: Final = 1.0
MAX_THRESHOLD: Final = 50.0
"""As of the setting ``spam.threshold``."""

LANGUAGES: Final = frozenset(
    re.findall(
        r"\w+",
        """af am ar be bg bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd he hi hr hu hy id is
        it ja ka ko la lt lv mr ms ne nl no pl pt qu rm ro ru sa sco sk sl sq sr sv sw ta th tl tr
        uk vi yi zh""",
    )
)
"""What SpamAssassin can tell (Mail::SpamAssassin::Plugin::TextCat, 4.0.1)."""


def _language(text: str) -> str:
    code = text.strip().lower()
    if code not in LANGUAGES:
        raise ValueError(
            f"{text[:20]!r} is no language that SpamAssassin can tell; write a code of two "
            "letters, like en or de"
        )
    return code


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Patterns = Annotated[
    tuple[Annotated[str, AfterValidator(parse_pattern)], ...],
    Field(max_length=MAX_PATTERNS),
    AfterValidator(_distinct),
]
Threshold = Annotated[
    float, Field(strict=True, ge=MIN_THRESHOLD, le=MAX_THRESHOLD, allow_inf_nan=False)
]


class Spam(BaseDocument):
    """A user's wishes; who has none is filtered by the settings of the stack."""

    type: Literal["spam"] = "spam"
    owner: Annotated[Address, AfterValidator(parse_address)]
    threshold: Threshold | None = None
    """Score from which a message is spam; ``None`` is that of the settings."""
    allow: Patterns = ()
    """Senders whose mail is not spam, if it is not forged to come from them."""
    block: Patterns = ()
    """Senders whose mail is spam."""
    rules: Annotated[
        tuple[Annotated[str, AfterValidator(parse_rule)], ...], Field(max_length=MAX_RULES)
    ] = ()
    languages: Annotated[
        tuple[Annotated[str, AfterValidator(_language)], ...], AfterValidator(_distinct)
    ] = ()
    """Languages the user reads; mail in others gets a higher score. Empty: any."""
    share_training: StrictBool = False
    """Whether what this user files as spam or not teaches the filter of all others, too."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Spam":
        check_together(self.rules)
        if both := set(self.allow) & set(self.block):
            raise ValueError(f"{min(both)} is both allowed and blocked; remove one of the two")
        return self

    @property
    def key(self) -> Key:
        return Key("spam", self.owner)

    @property
    def own_profile(self) -> bool:
        """Whether a message may be judged otherwise for this user than for everybody."""
        return wants_own(dict(self))
