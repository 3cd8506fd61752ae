"""Authentication-Results (RFC 8601): ours is written, and whatever came in our name is recognized.

Values come from the network and go back into a header field: what is no plain token of a domain or
an address is left out. No verdict is ever read from such a field, but one: what a trusted forwarder
sealed (ARC).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import authres  # type: ignore[import-untyped] # authres has no types

from mailstack.identity.dmarc import Assessment, Evidence

NAME: Final = "Authentication-Results"
MAX_FIELD: Final = 16_384
"""Characters of a field that is read."""
_DECORATION: Final = re.compile(r"[\s\"\\\\]|\([^()]*\)")
_PLAIN: Final = re.compile(r"[A-Za-z0-9._+=/-]+(?:@[A-Za-z0-9._-]+)?")


def names_us(value: str, authserv_id: str) -> bool:
    """Whether any reader might take a field for one of ours.

    Quotes, backslashes, white space and comments may stand in a name (RFC 8601 2.2, RFC 5322 3.2),
    and readers are lenient; so a field with our name anywhere in it is one too many.
    """
    text = _DECORATION.sub("", value.lower())
    return authserv_id.lower() in text or authserv_id.lower() in value.lower()


def passed(value: str, method: str) -> bool:
    """Whether a field has a pass of ``method``."""
    return any(one.method == method and one.result == "pass" for one in _parsed(value))


def _parsed(value: str) -> Sequence[Any]:
    text = " ".join(value[:MAX_FIELD].split())
    try:
        return list(authres.AuthenticationResultsHeader.parse_value(text).results)
    except Exception:  # noqa: BLE001 - the library's parser, over what anybody may write
        return []


@dataclass(frozen=True, slots=True)
class About:
    """What our field is about."""

    authserv_id: str
    sender: str
    """Of the envelope; empty for a bounce."""
    author: str
    """The domain of the From field; empty if there is none."""
    evidence: Evidence
    chain: str
    """ARC's result."""


def field(about: About, found: Assessment) -> str:
    """The value of the one field: DKIM, SPF, DMARC and ARC."""
    return ";\n\t".join((about.authserv_id, *_ours(about, found)))


def _ours(about: About, found: Assessment) -> Iterator[str]:
    if not about.evidence.dkim:
        yield "dkim=none"
    for one in about.evidence.dkim:
        selector = f" header.s={_plain(one.selector)}" if one.selector else ""
        yield f"dkim={one.result} header.d={_plain(one.domain)}{selector}"
    helo = f"smtp.helo={_plain(about.evidence.spf_domain)}"
    yield f"spf={about.evidence.spf} " + (
        f"smtp.mailfrom={_plain(about.sender)}" if about.sender else helo
    )
    says = f"(p={found.requested} dis={found.disposition})"
    yield f"dmarc={found.result} {says}" + (
        f" header.from={_plain(about.author)}" if about.author else ""
    )
    if about.chain != "none":
        yield f"arc={about.chain}"


def _plain(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else "invalid"
