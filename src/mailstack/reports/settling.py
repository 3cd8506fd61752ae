"""Sends one report to each of its places, once: what is done there is noted before the next."""

from collections.abc import Callable, Mapping
from typing import TypeVar

P = TypeVar("P")


def settle(
    done: list[str],
    places: Mapping[str, P],
    deliver: Callable[[P], tuple[str, str]],
    note: Callable[[str, str], None],
    *,
    given_up: str,
) -> bool:
    """Return whether nothing is left to do.

    Args:
        done: names of places that are done with; more are added.
        places: where it is to go, by name.
        deliver: returns the address, and what became of it; nothing yet if that is empty.
        note: keeps both, so that it is not done twice.
        given_up: why nothing more is tried; empty: it will be.
    """
    left = 0
    for name, place in places.items():
        if name in done:
            continue
        to, outcome = deliver(place)
        if outcome := outcome or given_up:
            done.append(name)
            note(to, outcome)
        else:
            left += 1
    return not left
