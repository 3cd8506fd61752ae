"""Where reports about a domain go: the record at ``_smtp._tls.DOMAIN`` (RFC 8460 3). Pure.

Unlike DMARC's, this record needs nobody's consent for addresses elsewhere. What that can be misused
for is bounded: one report a day about a domain that we send to, to as many places as this.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from mailstack.model.addresses import parse_address
from mailstack.model.domains import parse_domain

MAX_DESTINATIONS: Final = 5
_TARGET: Final = re.compile(r"/[!-~]*")


@dataclass(frozen=True, slots=True)
class Destination:
    """One place, and how it is reached."""

    by: Literal["mail", "https"]
    place: str
    """An address, or the whole URI."""
    host: str = ""
    target: str = ""
    """Path and query, of a URI."""


def destinations(record: str) -> list[Destination]:
    """Places that a record names; whatever is not one is passed over."""
    tags = [tag.strip() for tag in record.split(";")]
    uris = next((tag.partition("=")[2] for tag in tags if re.match(r"rua\s*=", tag)), "")
    found = [one for text in uris.split(",") if (one := _destination(text.strip()))]
    return list({one.place: one for one in found}.values())[:MAX_DESTINATIONS]


def _destination(uri: str) -> Destination | None:
    scheme, _, rest = uri.partition(":")
    try:
        match scheme.lower():
            case "mailto":
                return _address(rest)
            case "https":
                return _upload(uri)
    except ValueError:
        pass
    return None


def _address(rest: str) -> Destination | None:
    """RFC 8460 3: of a mailto URI the address counts, not what it says of a message."""
    address = parse_address(unquote(rest.partition("?")[0]))
    return Destination("mail", address) if address.isascii() else None


def _upload(uri: str) -> Destination | None:
    """On the port of https alone, which no policy of a network needs to open any further."""
    parts = urlsplit(uri)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.netloc != parts.hostname or not _TARGET.fullmatch(target):
        return None
    return Destination("https", uri, parse_domain(parts.netloc), target)
