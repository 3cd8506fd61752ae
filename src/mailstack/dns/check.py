"""Compare what the world sees of a domain with what should be, record by record.

Each authoritative server is asked directly, then the resolver, which may still hold an older
answer. Who cannot be asked is told apart from who says no: that is ``unknown``, no failure.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailstack.dns.ask import (
    ALIAS,
    DNS_PORT,
    TIMEOUT_S,
    Answer,
    Server,
    ZoneServers,
    ask,
    ask_each,
    zone_servers,
)
from mailstack.dns.dnssec import check_dnssec, unanswered
from mailstack.dns.families import check_families
from mailstack.dns.judge import Judgement, judge, meaning
from mailstack.dns.records import MAX_NAME, Facts, Record, impossible, records_of
from mailstack.dns.spf import check_lookups
from mailstack.findings import Finding, Severity
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.topology.model import Endpoint

_AT_ONCE: Final = 8
"""Questions at a time: a name server may limit how often it answers one address."""
_RANK: Final[Mapping[Severity, int]] = {"ok": 0, "unknown": 1, "warning": 2, "failure": 3}


@dataclass(frozen=True, slots=True)
class Place:
    """Whom to ask, and how long."""

    resolver: Endpoint
    port: int = DNS_PORT
    """Of the authoritative servers."""
    timeout_s: float = TIMEOUT_S


async def check(domain: str, facts: Facts, place: Place) -> tuple[Finding, ...]:
    """Look at every record of ``records_of``, at the zone's servers, and at DNSSEC."""
    found = await zone_servers(domain, place.resolver, timeout_s=place.timeout_s)
    if isinstance(found, Unavailable):
        unknown = _nobody(domain, facts, found.reason)
        return (*unknown, await unanswered(domain, place.resolver, found.reason))
    if isinstance(found, NotFound):
        return (_no_zone(domain),)
    zone = found.value
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(record: Record) -> Finding:
        async with limit:
            return await _record(record, zone, facts, place)

    findings = await asyncio.gather(*(one(record) for record in records_of(domain, facts)))
    return (
        *await _servers(zone, place),
        *findings,
        *(_impossible(record) for record in impossible(domain, facts)),
        *await check_families(domain, facts, place.resolver),
        *await _alias(domain, facts, zone, place),
        await check_lookups(domain, place.resolver),
        await check_dnssec(zone.zone, place.resolver),
    )


async def _record(record: Record, zone: ZoneServers, facts: Facts, place: Place) -> Finding:
    answers = await ask_each(
        zone, record.name, record.kind, port=place.port, timeout_s=place.timeout_s
    )
    if record.kind == "CNAME":
        answers = await _addresses_instead(record, answers, facts, place)
    seen = {s: _judged(record, o, facts) for s, o in answers.items()}
    told = {s: j for s, j in seen.items() if j is not None}
    if not told and any(_leads_out(outcome) for outcome in answers.values()):
        outcome = await ask(
            place.resolver, record.name, record.kind, recursive=True, timeout_s=place.timeout_s
        )
        behind = _judged(record, outcome, facts)
        told = {} if behind is None else dict.fromkeys(answers, behind)
    if not told:
        below = await zone_servers(record.name, place.resolver, timeout_s=place.timeout_s)
        if isinstance(below, Found) and below.value.zone != zone.zone:
            return await _record(record, below.value, facts, place)  # delegated: a zone of its own
    if not told:
        return _finding(record, Judgement("unknown", "no server of the zone could be asked"))
    worst = max(told.values(), key=lambda j: _RANK[j.severity])
    if len({(j.severity, j.what) for j in told.values()}) > 1:
        where = ", ".join(s.name for s, j in told.items() if j == worst)
        return _finding(
            record, Judgement(worst.severity, f"{worst.what} (at {where})", worst.meaning)
        )
    if worst.severity != "ok":
        return _finding(record, worst)
    return await _cached(record, worst, facts, place)


def _judged(record: Record, outcome: Outcome[Answer], facts: Facts) -> Judgement | None:
    match outcome:
        case Found(answer):
            return judge(record, answer.data, facts)
        case NotFound():
            return judge(record, (), facts)
        case Unavailable():
            return None


def _leads_out(outcome: Outcome[Answer]) -> bool:
    """Whether the name is an alias whose target lies in somebody else's zone."""
    return isinstance(outcome, Unavailable) and outcome.reason.startswith(ALIAS)


async def _addresses_instead(
    record: Record, answers: Mapping[Server, Outcome[Answer]], facts: Facts, place: Place
) -> Mapping[Server, Outcome[Answer]]:
    """An address of the server does as well as an alias for its name."""
    found = dict(answers)
    for server in [s for s, outcome in answers.items() if isinstance(outcome, NotFound)]:
        at = Endpoint(server.address, place.port)
        direct = await ask(at, record.name, "A", recursive=False, timeout_s=place.timeout_s)
        if isinstance(direct, Found) and set(direct.value.data) <= set(facts.addresses):
            found[server] = Found(Answer((record.value,), direct.value.ttl))
    return found


async def _cached(record: Record, good: Judgement, facts: Facts, place: Place) -> Finding:
    """All servers are right: does the resolver still hold something else?"""
    outcome = await ask(
        place.resolver, record.name, record.kind, recursive=True, timeout_s=place.timeout_s
    )
    held = _judged(record, outcome, facts)
    if held is None or held.severity == "ok" or record.kind == "CNAME":
        return _finding(record, good)
    ttl = outcome.value.ttl if isinstance(outcome, Found) else record.ttl
    what = f"right at its servers, but resolvers may hold an older answer for {ttl} s"
    return Finding(
        "warning", f"dns.{record.key}", f"{record.name} {record.kind}: {what}", "", "wait"
    )


def _finding(record: Record, judged: Judgement) -> Finding:
    fix = "" if judged.severity in {"ok", "unknown"} else f"publish: {record.line}"
    what = f"{record.name} {record.kind}: {judged.what}"
    return Finding(judged.severity, f"dns.{record.key}", what, judged.meaning, fix)


def _impossible(record: Record) -> Finding:
    return Finding(
        "failure" if record.level == "required" else "warning",
        f"dns.{record.key}",
        f"{record.name[:40]}… {record.kind}: its name has {len(record.name)} octets, of which "
        f"DNS allows {MAX_NAME}",
        meaning(record),
        "take a shorter domain",
    )


def _nobody(domain: str, facts: Facts, reason: str) -> Iterable[Finding]:
    for record in records_of(domain, facts):
        yield _finding(record, Judgement("unknown", f"could not ask: {reason}", meaning(record)))


def _no_zone(domain: str) -> Finding:
    return Finding(
        "failure",
        "dns.zone",
        f"{domain} does not exist in the DNS",
        "nobody can send mail to it",
        "register it, and name its servers at the registry",
    )


async def _servers(zone: ZoneServers, place: Place) -> Sequence[Finding]:
    """Each server answers with authority, and all have the same version of the zone."""
    answers = await ask_each(zone, zone.zone, "SOA", port=place.port, timeout_s=place.timeout_s)
    silent = {s: o.reason for s, o in answers.items() if isinstance(o, Unavailable)}
    found = [
        Finding(
            "failure" if "lame" in reason else "unknown",
            "dns.servers",
            f"name server {server}: could not ask: {reason}",
            "where it is asked, mail may wait",
            "see that it serves the zone, or remove its NS record" if "lame" in reason else "",
        )
        for server, reason in silent.items()
    ]
    found += [
        Finding(
            "failure",
            "dns.servers",
            f"name server {name} has no address",
            "it cannot be asked",
            "publish its address, or remove its NS record",
        )
        for name in zone.unknown
    ]
    return [*found, *_serials(zone, answers)]


def _serials(zone: ZoneServers, answers: Mapping[Server, Outcome[Answer]]) -> Iterable[Finding]:
    serials = {
        str(s): o.value.data[0].split()[2] for s, o in answers.items() if isinstance(o, Found)
    }
    if len(set(serials.values())) > 1:
        told = ", ".join(f"{name} has {serial}" for name, serial in serials.items())
        yield Finding(
            "warning",
            "dns.servers",
            f"the servers of {zone.zone} disagree: {told}",
            "what was changed is not seen everywhere yet",
            "wait, and if it stays so see why the secondary does not transfer the zone",
        )
    elif serials:
        yield Finding("ok", "dns.servers", f"{len(serials)} server(s) of {zone.zone} agree")


async def _alias(domain: str, facts: Facts, zone: ZoneServers, place: Place) -> Sequence[Finding]:
    """Look for an alias where mail needs a host (RFC 5321 5.1, RFC 2181 10.3)."""
    found = []
    for name in dict.fromkeys((domain, facts.hostname)):
        alias = await ask(place.resolver, name, "CNAME", recursive=True, timeout_s=place.timeout_s)
        if isinstance(alias, Found):
            found.append(
                Finding(
                    "failure",
                    "dns.alias",
                    f"{name} is an alias (CNAME) for {alias.value.data[0]}",
                    "a name that gets mail or is named by an MX must not be one",
                    f"publish the addresses at {name} itself in {zone.zone}",
                )
            )
    return found
