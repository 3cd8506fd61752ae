"""DMARC (RFC 7489): does what was proven belong to the author, and what if it does not? Pure.

Proven are domains: of the envelope's sender by SPF, of signers by DKIM. One of them must align with
the domain of the From field: be the same (strict), or have the same organizational domain. Where
none does, the author's domain says what becomes of the message.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailstack.outcome import Found, Outcome, Unavailable

MAX_RECORD: Final = 2048
"""Characters; longer ones are no policy that somebody wrote by hand."""
_POLICIES: Final = ("none", "quarantine", "reject")

Organizational = Callable[[str], str]
"""The organizational domain of a domain (RFC 7489 3.2)."""


class Result(StrEnum):
    """As Authentication-Results spells it (RFC 8601 2.7.6, RFC 7489 11.2)."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Disposition(StrEnum):
    """What becomes of a message."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"
    DEFER = "defer"
    """It may be refused, but that cannot be told now."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A record that a domain publishes at ``_dmarc``."""

    p: str
    sp: str
    """For subdomains that publish none themselves."""
    strict_dkim: bool = False
    strict_spf: bool = False
    percent: int = 100
    """Of the messages that fail, to which it applies."""
    inherited: bool = False
    """Found at the organizational domain, not at the author's."""

    @property
    def requested(self) -> str:
        return self.sp if self.inherited else self.p


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was proven of a message."""

    spf: str = "none"
    """RFC 7208's result."""
    spf_domain: str = ""
    """Of the envelope's sender; of the greeting where there is none."""
    dkim: Sequence[tuple[str, str]] = ()
    """Result and domain of each signature."""

    @property
    def uncertain(self) -> bool:
        """Whether asking again may prove more."""
        return self.spf == "temperror" or any(result == "temperror" for result, _ in self.dkim)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What DMARC says of a message."""

    result: Result
    disposition: Disposition = Disposition.NONE
    requested: str = "none"
    """The policy that the domain asked for."""


def parse(record: str) -> Policy | None:
    """Read a record; ``None``: it is none, or says nothing that could be followed (6.6.3)."""
    parts = [part.partition("=") for part in record[:MAX_RECORD].split(";")]
    pairs = [(name.strip().lower(), value.strip().lower()) for name, _, value in parts]
    if pairs[0] != ("v", "dmarc1"):
        return None
    tags = dict(reversed(pairs))  # of two the first counts
    p = tags.get("p", "")
    if p not in _POLICIES:
        if not tags.get("rua", "").startswith("mailto:"):
            return None
        return Policy("none", "none")
    sp = tags.get("sp", p)
    return Policy(
        p=p,
        sp=sp if sp in _POLICIES else p,
        strict_dkim=tags.get("adkim") == "s",
        strict_spf=tags.get("aspf") == "s",
        percent=_percent(tags.get("pct", "")),
    )


def _percent(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and int(text) <= 100 else 100  # noqa: PLR2004


def assess(
    author: str,
    policy: Outcome[Policy],
    evidence: Evidence,
    organizational: Organizational,
    draw: int = 0,
) -> Assessment:
    """Decide about a message of the domain ``author``.

    ``draw`` is a number from 0 to 99 that decides whether a policy for some percent applies.
    """
    if isinstance(policy, Unavailable):
        return Assessment(Result.TEMPERROR)
    if not isinstance(policy, Found):
        return Assessment(Result.NONE)
    found = policy.value
    if is_aligned(author, found, evidence, organizational):
        return Assessment(Result.PASS, requested=found.requested)
    if evidence.uncertain:
        waits = found.requested == "reject" and found.percent > 0
        disposition = Disposition.DEFER if waits else Disposition.NONE
        return Assessment(Result.TEMPERROR, disposition, found.requested)
    return Assessment(Result.FAIL, _disposition(found, draw), found.requested)


def is_aligned(
    author: str, policy: Policy, evidence: Evidence, organizational: Organizational
) -> bool:
    """Whether something proven belongs to the author (RFC 7489 3.1)."""
    signers = [domain for result, domain in evidence.dkim if result == "pass"]
    senders = [evidence.spf_domain] if evidence.spf == "pass" else []
    return any(
        _same(domain, author, organizational, strict=strict)
        for domains, strict in ((signers, policy.strict_dkim), (senders, policy.strict_spf))
        for domain in domains
    )


def _same(domain: str, author: str, organizational: Organizational, *, strict: bool) -> bool:
    domain, author = domain.lower().rstrip("."), author.lower()
    if not domain or domain == author:
        return bool(domain)
    return not strict and organizational(domain) == organizational(author)


def _disposition(policy: Policy, draw: int) -> Disposition:
    """Apply what is asked; to those that are not drawn, the next milder (RFC 7489 6.6.4)."""
    severity = _POLICIES.index(policy.requested)
    if severity and draw >= policy.percent:
        severity -= 1
    return Disposition(_POLICIES[severity])
