"""Names of servers that reports tell of, as the DNS has them when a report comes.

A name counts only if it leads back to the address: whoever owns an address writes what they like
into its reverse zone. Bounded in time, for such zones may be slow. Blocking.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from itertools import islice
from typing import Any, Final, Protocol

import dns.exception

from mailstack.model.domains import parse_domain
from mailstack.model.reports import Received, Source

MAX_NAMED: Final = 30
"""Servers of one report that are asked for: those with the most messages."""
SECONDS: Final = 30.0
"""For all questions of one pass."""
_MAX_NAMES: Final = 3
"""Of one address."""


class Records(Protocol):
    """``identity.resolver.Resolver``."""

    def records(self, name: str, kind: str) -> Iterator[Any]: ...


class Names:
    """Of one pass."""

    def __init__(self, resolver: Records, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolver = resolver
        self._clock = clock
        self._until = clock() + SECONDS
        self._known: dict[str, str] = {}

    def named(self, report: Received) -> Received:
        """The report with the names of its largest sources, which come first."""
        asked = (self._named(source) for source in report.sources[:MAX_NAMED])
        return replace(report, sources=(*asked, *report.sources[MAX_NAMED:]))

    def _named(self, source: Source) -> Source:
        if source.address not in self._known:
            if self._clock() > self._until:
                return source
            self._known[source.address] = self._find(source.address)
        return replace(source, name=self._known[source.address])

    def _find(self, text: str) -> str:
        try:
            address = ip_address(text)
            kind = "A" if address.version == 4 else "AAAA"  # noqa: PLR2004
            names = self._resolver.records(address.reverse_pointer, "PTR")
            for name in islice(names, _MAX_NAMES):
                parsed = parse_domain(str(name))
                if address in map(ip_address, self._resolver.records(parsed, kind)):
                    return str(parsed)
        except (dns.exception.DNSException, OSError, ValueError):
            pass
        return ""
