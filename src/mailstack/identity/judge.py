"""All that identity comes to for one message. Blocking: it asks the DNS; run it in a thread."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from mailstack.identity import arc, results, signatures
from mailstack.identity.body import Digests
from mailstack.identity.dmarc import (
    Assessment,
    Disposition,
    Evidence,
    Override,
    Policy,
    Result,
    assess,
)
from mailstack.identity.record import Record
from mailstack.identity.signatures import a_labels
from mailstack.model.authors import authors
from mailstack.model.domains import parse_domain
from mailstack.outcome import Outcome

MAX_AUTHORS: Final = 3
"""Domains that are looked up. More of them in one From field is no mail of people."""
_DOMAIN: Final = re.compile(r"@([^\s<>()\",;:@]+)")
_SEVERITY: Final = (
    Disposition.NONE,
    Disposition.QUARANTINE,
    Disposition.DEFER,
    Disposition.REJECT,
)


class Lookups(Protocol):
    """What is asked of the DNS; ``lookups.Lookups`` is it."""

    def organizational(self, domain: str) -> str: ...
    def spf(self, address: str, helo: str, sender: str) -> tuple[str, str]: ...
    def policy(self, author: str) -> Outcome[Policy]: ...
    def txt(self, name: str) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client said and sent."""

    address: str
    """Its own, an IP address."""
    helo: str
    sender: str
    """Of the envelope; empty for a bounce."""
    from_field: str
    """The value of the From field; empty if there is none."""
    header: bytes = b""
    """As it came, with the empty line; nothing if there is no signature and no seal."""
    digests: Digests = field(default_factory=dict)
    """Of the body, as its signatures and seals need them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The owner's."""

    authserv_id: str
    """Our name in Authentication-Results."""
    trusted: Collection[str] = ()
    """Forwarders whose seals count."""
    enforce: bool = True
    """Do what domains ask for."""
    quarantine: bool = True
    """That, too, which is no refusal."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be done, and the field that says why."""

    author: str
    """The domain it was judged by."""
    assessment: Assessment
    field: str
    """The value of Authentication-Results."""
    record: Record
    """What was found, for those who count."""


def judge(heard: Heard, rules: Rules, lookups: Lookups, draw: int) -> Judgement:
    """Judge one message; ``draw`` is a number from 0 to 99."""
    heard = replace(heard, sender=_as_dns_has_it(heard.sender), helo=_as_dns_has_it(heard.helo))
    spf, domain = lookups.spf(heard.address, heard.helo, heard.sender)
    proven = signatures.verify(heard.header, heard.digests, lookups.txt) if heard.header else ()
    evidence = Evidence(spf, domain, proven)
    author, found = _strictest(author_domains(heard.from_field), evidence, lookups, draw)
    chain = _chain(heard, lookups)
    found = _with_chain(found, chain, rules.trusted)
    found = _as_the_owner_wants(found, rules)
    about = results.About(rules.authserv_id, heard.sender, author, evidence, chain.result)
    return Judgement(author, found, results.field(about, found), _record(heard, about, found))


def _record(heard: Heard, about: results.About, found: Assessment) -> Record:
    evidence = about.evidence
    return Record(
        address=heard.address,
        author=about.author,
        envelope=heard.sender.rpartition("@")[2].lower(),
        policy=found.policy,
        result=found.result,
        disposition=found.disposition,
        override=found.override,
        dkim=evidence.dkim,
        dkim_aligned=found.dkim_aligned,
        spf=evidence.spf,
        spf_domain=evidence.spf_domain.lower(),
        spf_scope="mfrom" if "@" in heard.sender else "helo",
        spf_aligned=found.spf_aligned,
    )


def _chain(heard: Heard, lookups: Lookups) -> arc.Chain:
    if not heard.header:
        return arc.NO_CHAIN
    return arc.verify(heard.header, heard.digests, lookups.txt)


def _as_dns_has_it(said: str) -> str:
    """The domain of a name or an address in A-labels (RFC 8616 4); what is none stays as it is."""
    before, at, domain = said.rpartition("@")
    try:
        return said if domain.isascii() else f"{before}{at}{a_labels(domain)}"
    except UnicodeError:
        return said


def author_domains(from_field: str) -> Sequence[str]:
    """Domains in a From field. One that is hard to read has all that any reader may find in it."""
    try:
        found = [address.rpartition("@")[2] for address in authors(from_field)]
    except ValueError:
        found = _DOMAIN.findall(from_field)
    return list(dict.fromkeys(domain for text in found if (domain := _domain(text))))


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except ValueError:
        return ""


def _strictest(
    domains: Sequence[str], evidence: Evidence, lookups: Lookups, draw: int
) -> tuple[str, Assessment]:
    """Of several authors the one whose policy is hardest on the message (RFC 7489 6.6.1)."""
    if not domains:
        return "", Assessment(Result.PERMERROR)
    each = [
        (one, assess(one, lookups.policy(one), evidence, lookups.organizational, draw))
        for one in domains[:MAX_AUTHORS]
    ]
    return max(each, key=lambda pair: _SEVERITY.index(pair[1].disposition))


def _with_chain(found: Assessment, chain: arc.Chain, trusted: Collection[str]) -> Assessment:
    """A trusted chain overrides a failure; one that cannot be told yet puts a refusal off."""
    if found.disposition is Disposition.NONE:
        return found
    if chain.speaks_for(trusted):
        return replace(found, disposition=Disposition.NONE, override=Override.TRUSTED_FORWARDER)
    if chain.result == "temperror" and found.disposition is Disposition.REJECT:
        return replace(found, disposition=Disposition.DEFER)
    return found


def _as_the_owner_wants(found: Assessment, rules: Rules) -> Assessment:
    quarantined = found.disposition is Disposition.QUARANTINE
    if found.disposition is Disposition.NONE or (
        rules.enforce and (rules.quarantine or not quarantined)
    ):
        return found
    return replace(found, disposition=Disposition.NONE, override=Override.LOCAL_POLICY)
