"""The three answers of every lookup.

"Cannot tell" must never become "no such user": a store that is down, slow or corrupt yields
``Unavailable``, which each protocol spells as a temporary failure (tcp_table 400, socketmap TEMP,
dict F, SMTP 451). ``NotFound`` is an answer like any other, so it is neither ``None`` nor an
exception.
"""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Found(Generic[T_co]):
    """The key exists; this is what it maps to."""

    value: T_co


@dataclass(frozen=True, slots=True)
class NotFound:
    """The store answered, and there is no such key."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No answer can be given now. ``reason`` is for our log, never for the peer."""

    reason: str


Outcome: TypeAlias = Found[T_co] | NotFound | Unavailable
