"""Follows an alias, and the aliases among its targets, to where mail is kept or leaves us.

An alias that names its own address (with or without a tag) means the mailbox of that address: that
is how people keep a copy. Any other way back is a loop: refused when written, and harmless when
met all the same. A tag of the address is given to the ends that have none of their own, as with
Postfix's propagate_unmatched_extensions; it never decides which alias comes next, or a chain could
be a loop for some tags only. Targets here that nobody takes are left out: the rest of
the list still gets its mail, and a list that leads nowhere is an unknown address, told to the
sender at once and not by a bounce later.
"""

from typing import NamedTuple

from mailstack.errors import InvalidDocument
from mailstack.model.addresses import split_address, without_tag
from mailstack.model.routing import Entries, Route, route

MAX_RECIPIENTS = 1000
"""An alias may come to, by way of others. Postfix's virtual_alias_expansion_limit is the same."""
MAX_RECIPIENT_OCTETS = 90_000
"""Of all of them together: one socketmap answer has 100,000 (socketmap_table(5))."""
MAX_VISITS = 10 * MAX_RECIPIENTS
"""Targets looked at on the way there."""
MAX_CHAIN = 10
"""Aliases one after another; people who need more have made a mistake."""


class Recipient(NamedTuple):
    """One end of an alias. ``user`` is the mailbox; empty where the address is outside."""

    address: str
    user: str


class Expansion:
    """The walk along one alias. ``recipients`` are its ends, each once, in order."""

    def __init__(self, entries: Entries, delimiter: str) -> None:
        self._entries = entries
        self._delimiter = delimiter
        self._path: list[tuple[str, str]] = []
        self._seen: set[tuple[str, str]] = set()
        self._octets = 0
        self.recipients: dict[str, Recipient] = {}
        self.loop: list[str] = []
        """The first way back that was met."""
        self.height = 0
        """Aliases in the longest chain."""

    @property
    def too_large(self) -> bool:
        return (
            len(self._seen) > MAX_VISITS
            or self._octets > MAX_RECIPIENT_OCTETS
            or (len(self.recipients) > MAX_RECIPIENTS)
        )

    def follow(self, domain: str, found: Route, tag: str = "") -> None:
        """Go on to the targets of an alias; ``tag`` begins with the delimiter."""
        self._path.append((domain, found.local))
        self.height = max(self.height, len(self._path))
        for target in found.targets.split(" "):
            if self.height > 2 * MAX_CHAIN or self.too_large:
                break
            if (target, tag) not in self._seen:
                self._seen.add((target, tag))
                self._visit(target, tag)
        self._path.pop()

    def _visit(self, target: str, tag: str) -> None:
        local, domain = split_address(target)
        base = without_tag(local, self._delimiter)
        found = route(self._entries(domain, local, base), local, base)
        here = (domain, found.local)
        if not found.known:
            self._arrive(target if base != local else f"{local}{tag}@{domain}", "")
        elif not found.targets or here == self._path[-1]:
            if found.hosted and found.user:
                self._arrive_at_user(target, tag if base == local else "", found, domain)
        elif here in self._path:
            self.loop = self.loop or self._way_back(here)
        else:
            self.follow(domain, found, (local[len(base) :] or tag) if found.local == base else "")

    def _arrive(self, address: str, user: str) -> None:
        if address not in self.recipients:
            self.recipients[address] = Recipient(address, user)
            self._octets += len(address.encode()) + 1

    def _arrive_at_user(self, target: str, tag: str, found: Route, domain: str) -> None:
        """Give the mailbox the tag, unless an alias has exactly that address: it would go there."""
        user, tagged = found.local, found.local + tag
        if tag and route(self._entries(domain, tagged, user), tagged, user).local == user:
            target = f"{tagged}@{domain}"
        self._arrive(target, f"{user}@{domain}")

    def _way_back(self, here: tuple[str, str]) -> list[str]:
        places = [*self._path[self._path.index(here) :], here]
        return [f"{local}@{domain}" for domain, local in places]


def check_expansion(
    domain: str, local: str, entries: Entries, delimiter: str, *, above: int = 0
) -> None:
    """Refuse what an address leads to if it is a loop, a chain too long, or too many recipients.

    Args:
        domain: of the address.
        local: of the address; empty for the catch-all.
        entries: what is stored.
        delimiter: begins a tag.
        above: how many aliases, one after another, lead to the address.

    Raises:
        InvalidDocument: it is one of these.
    """
    base = without_tag(local, delimiter)
    found = route(entries(domain, local, base), local, base)
    if not found.targets:
        return
    walk = Expansion(entries, delimiter)
    walk.follow(domain, found)
    name = f"{local}@{domain}"
    if walk.loop:
        raise InvalidDocument(f"aliases would form a loop: {' → '.join(walk.loop)}")
    if above + walk.height > MAX_CHAIN:
        raise InvalidDocument(
            f"{name} is part of a chain of {above + walk.height} aliases",
            advice=f"at most {MAX_CHAIN} may follow one another",
        )
    if walk.too_large:
        raise InvalidDocument(
            f"{name} comes to more than {MAX_RECIPIENTS} recipients, or "
            f"{MAX_RECIPIENT_OCTETS} octets of addresses",
            advice="use a mailing list program for groups of that size",
        )
