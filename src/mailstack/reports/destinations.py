"""Where reports about a domain go: what ``rua`` says, and whether they are wanted there.

RFC 7489 6.2 (the tag) and 7.1: who asks for reports to be sent to another domain must have that
one's consent, or any domain could have a stranger flooded. Blocking: consent is asked of the DNS.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import unquote

from mailstack.identity.dmarc import parse
from mailstack.model.addresses import parse_address

MAX_DESTINATIONS: Final = 5
"""Of one domain; RFC 7489 6.2 asks for two at least."""
_URI: Final = re.compile(r"mailto:([^!?]+)(?:\?[^!]*)?(?:!(\d{1,12})([kmgt]?))?")
_UNITS: Final = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class Dns(Protocol):
    """What is asked; ``identity.lookups.Lookups`` and its resolver do it."""

    def organizational(self, domain: str) -> str: ...
    def texts(self, name: str) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Destination:
    """One address."""

    address: str
    max_octets: int | None = None
    """Of a report; None: any."""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def destinations(rua: str) -> list[Destination]:
    """Addresses that a record names; whatever is not one is passed over."""
    found = [one for text in rua.split(",") if (one := _destination(text.strip()))]
    return list({one.address: one for one in found}.values())[:MAX_DESTINATIONS]


def _destination(text: str) -> Destination | None:
    uri = _URI.fullmatch(text)
    if uri is None:
        return None
    try:
        address = parse_address(unquote(uri[1]))
    except ValueError:
        return None
    if not address.isascii():
        return None
    return Destination(address, int(uri[2]) * _UNITS[uri[3]] if uri[2] else None)


def agreed(domain: str, wanted: Destination, dns: Dns) -> Destination | None:
    """Where a report about ``domain`` goes instead of ``wanted``, or there; None: not wanted.

    The host may name another address of its own in its consent (7.1, step 7).

    Raises:
        DNSException: it cannot be told now.
    """
    if dns.organizational(domain) == dns.organizational(wanted.domain):
        return wanted
    for text in dns.texts(f"{domain}._report._dmarc.{wanted.domain}"):
        if not re.match(r"v\s*=\s*dmarc1\s*(;|$)", text, re.IGNORECASE):
            continue
        consent = parse(text)
        for other in destinations(consent.rua) if consent else ():
            if other.domain == wanted.domain:
                return other
        return wanted
    return None
