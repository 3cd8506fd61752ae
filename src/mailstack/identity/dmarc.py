"""DMARC (RFC 7489): does what was proven belong to the author, and what if it does not? Pure.

Proven are domains: of the envelope's sender by SPF, of signers by DKIM. One of them must align with
the domain of the From field: be the same (strict), or have the same organizational domain. Where
none does, the author's domain says what becomes of the message.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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


class Override(StrEnum):
    """Why something else was done than was asked for (RFC 7489, appendix C)."""

    NONE = ""
    SAMPLED_OUT = "sampled_out"
    TRUSTED_FORWARDER = "trusted_forwarder"
    LOCAL_POLICY = "local_policy"


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
    rua: str = ""
    """Where reports go, as it is written there."""
    domain: str = ""
    """Where it was found."""

    @property
    def requested(self) -> str:
        return self.sp if self.inherited else self.p


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM signature."""

    result: str
    """As RFC 8601 2.7.1 spells it."""
    domain: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was proven of a message."""

    spf: str = "none"
    """RFC 7208's result."""
    spf_domain: str = ""
    """Of the envelope's sender; of the greeting where there is none."""
    dkim: Sequence[Signature] = ()

    @property
    def uncertain(self) -> bool:
        """Whether asking again may prove more."""
        return self.spf == "temperror" or any(one.result == "temperror" for one in self.dkim)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What DMARC says of a message."""

    result: Result
    disposition: Disposition = Disposition.NONE
    requested: str = "none"
    """What the domain asks for."""
    policy: Policy | None = None
    dkim_aligned: bool = False
    spf_aligned: bool = False
    override: Override = Override.NONE
    """Why the disposition is not what was requested."""


def parse(record: str) -> Policy | None:
    """Read a record; ``None``: it is none, or says nothing that could be followed (6.6.3)."""
    parts = [part.partition("=") for part in record[:MAX_RECORD].split(";")]
    pairs = [(name.strip().lower(), value.strip().lower()) for name, _, value in parts]
    if pairs[0] != ("v", "dmarc1"):
        return None
    tags = dict(reversed(pairs))  # of two the first counts
    p, rua = tags.get("p", ""), tags.get("rua", "")
    if p not in _POLICIES:
        return Policy("none", "none", rua=rua) if rua.startswith("mailto:") else None
    sp = tags.get("sp", p)
    return Policy(
        p=p,
        sp=sp if sp in _POLICIES else p,
        strict_dkim=tags.get("adkim") == "s",
        strict_spf=tags.get("aspf") == "s",
        percent=_percent(tags.get("pct", "")),
        rua=rua,
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
    dkim, spf = aligned(author, found, evidence, organizational)
    told = Assessment(Result.PASS, Disposition.NONE, found.requested, found, dkim, spf)
    if dkim or spf:
        return told
    if evidence.uncertain:
        waits = found.requested == "reject" and found.percent > 0
        disposition = Disposition.DEFER if waits else Disposition.NONE
        return replace(told, result=Result.TEMPERROR, disposition=disposition)
    disposition = _disposition(found, draw)
    override = Override.NONE if disposition == found.requested else Override.SAMPLED_OUT
    return replace(told, result=Result.FAIL, disposition=disposition, override=override)


def aligned(
    author: str, policy: Policy, evidence: Evidence, organizational: Organizational
) -> tuple[bool, bool]:
    """Whether a signature is the author's, and whether the envelope is (RFC 7489 3.1)."""

    def same(domain: str, *, strict: bool) -> bool:
        return _same(domain, author, organizational, strict=strict)

    signers = [one.domain for one in evidence.dkim if one.result == "pass"]
    dkim = any(same(domain, strict=policy.strict_dkim) for domain in signers)
    spf = evidence.spf == "pass" and same(evidence.spf_domain, strict=policy.strict_spf)
    return dkim, spf


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
