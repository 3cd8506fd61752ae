"""Where an address leads, given what is stored: the rule of the longest match.

Exact address first, then without its ``+tag``, then the domain's catch-all; at each step an alias
goes before a user of the same address. A disabled user ends the search without a result, so that
mail for somebody who left never falls into a catch-all. Pure: the rows come from the caller, so
the store (checking for loops) and the directory (answering) cannot disagree.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

DOMAIN, USER, ALIAS = 0, 1, 2
_CATCH_ALL, _UNTAGGED, _EXACT = 1, 2, 3
"""How long a match is."""

Entry: TypeAlias = tuple[str, int, int, str | None]
"""Local part, kind, enabled, targets joined by spaces. A plain tuple: SQLite makes them as such.

A domain and a catch-all have an empty local part.
"""

Entries: TypeAlias = Callable[[str, str, str], Sequence[Entry]]
"""Domain and two local parts (may be equal) → entries of the domain, its catch-all, and both."""


class Route(NamedTuple):
    """What takes the mail of an address."""

    known: bool
    """The domain is one of ours; otherwise the address is outside."""
    hosted: bool
    """It is enabled, too."""
    local: str
    """Local part under which the user or alias is stored; empty for a catch-all, or nothing."""
    targets: str
    """Of the alias that takes it, joined by spaces; empty if none does."""
    user: bool
    """A user of that local part is there and enabled; it takes the mail unless an alias does."""


def route(entries: Sequence[Entry], local: str, base: str) -> Route:
    """Pick from the entries of a domain, its catch-all, and the two local parts.

    Entries that name none of these are not expected. Every lookup passes here, so it goes over
    them once and builds nothing.
    """
    known = hosted = user = False
    best, where, taken_by = 0, "", ""
    for name, kind, enabled, targets in entries:
        if kind == DOMAIN:
            known, hosted = True, enabled == 1
            continue
        length = _EXACT if name == local else _UNTAGGED if name == base else _CATCH_ALL
        if length > best:
            best, where, taken_by, user = length, name, "", False
        if length == best:
            if kind == ALIAS:
                taken_by = targets or ""
            else:
                user = enabled == 1
    return Route(known, hosted, where, taken_by, user)
