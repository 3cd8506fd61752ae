"""Authentication-Results (RFC 8601): what OpenDKIM wrote is read, and ours is written behind it.

OpenDKIM has removed every field in our name that came with the message, so the one that is left is
its own. Values come from the network and go back into a header field: what is no plain token of a
domain or an address is left out.
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
_PLAIN: Final = re.compile(r"[A-Za-z0-9._+=/-]+(?:@[A-Za-z0-9._-]+)?")


def is_of(value: str, authserv_id: str) -> bool:
    """Whether a field speaks in the name of ``authserv_id``."""
    words = value.partition(";")[0].split()
    return bool(words) and words[0].lower() == authserv_id.lower()


def signatures(value: str) -> Sequence[tuple[str, str]]:
    """DKIM results of a field, and the domains that they are about."""
    return [
        (str(one.result), str(getattr(one, "header_d", None) or "").lower())
        for one in _parsed(value)
        if one.method == "dkim" and one.result != "none"
    ]


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


def field(before: str, about: About, found: Assessment) -> str:
    """The value of the one field: OpenDKIM's (``before``, or empty), then SPF, DMARC and ARC."""
    head = " ".join(before.split()).rstrip(";") if before else about.authserv_id
    return ";\n\t".join((head, *_ours(about, found)))


def _ours(about: About, found: Assessment) -> Iterator[str]:
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
