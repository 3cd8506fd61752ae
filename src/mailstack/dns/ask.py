"""Ask the DNS: the resolver, or each of a zone's own servers directly.

A resolver may hold yesterday's answer until its time is up; what is published now is known by the
authoritative servers alone, and each may know something else. Every question has three answers:
Found, NotFound (there is no such record), Unavailable (nobody could be asked).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

TIMEOUT_S: Final = 4.0
"""For one try. Two tries are below what a person waits for."""
TRIES: Final = 2
MAX_SERVERS: Final = 13
"""Of one zone that are asked; more names than the root has is not a zone for mail."""
MAX_CNAMES: Final = 8
ALIAS: Final = "an alias for"
"""Begins the reason of an authoritative server that can tell no more than that."""
DNS_PORT: Final = STACK.internet_ports["dns"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said about one name and type."""

    data: tuple[str, ...]
    """As in a zone file, sorted; ``TXT`` is one text each, without quotes."""
    ttl: int
    """Seconds that it may be kept."""
    name: str = ""
    """Where the data stands: another name than asked for if there is a CNAME."""
    validated: bool = False
    """The resolver checked the signatures (AD)."""


@dataclass(frozen=True, slots=True)
class Server:
    """An authoritative server, at one of its addresses."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


@dataclass(frozen=True, slots=True)
class ZoneServers:
    """A zone and those that answer for it."""

    zone: str
    servers: tuple[Server, ...]
    unknown: tuple[str, ...] = ()
    """Names of servers whose address could not be found."""


Answers = Mapping[Server, Outcome[Answer]]


async def ask(
    server: Endpoint,
    name: str,
    kind: str,
    *,
    recursive: bool,
    timeout_s: float = TIMEOUT_S,
    unchecked: bool = False,
) -> Outcome[Answer]:
    """Ask one server. An authoritative one must answer with authority, or it cannot tell.

    ``unchecked`` asks a validating resolver for what it does not believe (CD, RFC 4035 3.2.2).
    """
    flags = dns.flags.RD | dns.flags.AD if recursive else dns.flags.Flag(0)
    flags |= dns.flags.CD if unchecked else 0
    try:
        reply = await _exchange(server, name, kind, flags, timeout_s)
    except (OSError, TimeoutError, EOFError, dns.exception.DNSException, ValueError) as error:
        return Unavailable(_words(error))
    return _read(reply, kind, recursive=recursive)


async def zone_servers(
    name: str, resolver: Endpoint, *, timeout_s: float = TIMEOUT_S
) -> Outcome[ZoneServers]:
    """Find the zone that ``name`` lies in, and the addresses of its servers."""
    zone = await find_zone(name, resolver, timeout_s=timeout_s)
    if not isinstance(zone, Found):
        return zone
    names = await ask(resolver, zone.value, "NS", recursive=True, timeout_s=timeout_s)
    if not isinstance(names, Found):
        return names
    return await _located(zone.value, names.value.data[:MAX_SERVERS], resolver, timeout_s)


async def find_zone(name: str, resolver: Endpoint, *, timeout_s: float = TIMEOUT_S) -> Outcome[str]:
    """Find the nearest name at or above ``name`` that has an SOA record."""
    try:
        wanted = dns.name.from_text(name)
    except dns.exception.DNSException as error:
        return Unavailable(_words(error))
    while len(wanted.labels) > 1:
        found = await ask(resolver, str(wanted), "SOA", recursive=True, timeout_s=timeout_s)
        if isinstance(found, Unavailable):
            return found
        # through a CNAME the SOA is that of the target: no boundary of ours
        if isinstance(found, Found) and found.value.name == str(wanted):
            return Found(str(wanted))
        wanted = wanted.parent()
    return NotFound()


async def ask_each(
    zone: ZoneServers,
    name: str,
    kind: str,
    *,
    port: int = DNS_PORT,
    timeout_s: float = TIMEOUT_S,
) -> Answers:
    """Ask every server of the zone at once, directly."""
    outcomes = await asyncio.gather(
        *(
            ask(Endpoint(s.address, port), name, kind, recursive=False, timeout_s=timeout_s)
            for s in zone.servers
        )
    )
    return dict(zip(zone.servers, outcomes, strict=True))


async def ask_authoritative(
    name: str,
    kind: str,
    *,
    resolver: Endpoint,
    port: int = DNS_PORT,
    timeout_s: float = TIMEOUT_S,
) -> Outcome[Answers]:
    """Find the servers of the zone of ``name`` through the resolver, and ask each directly.

    NotFound: no such zone. Otherwise the answer of each server, of the three kinds.
    """
    zone = await zone_servers(name, resolver, timeout_s=timeout_s)
    if not isinstance(zone, Found):
        return zone
    return Found(await ask_each(zone.value, name, kind, port=port, timeout_s=timeout_s))


def seen_by_all(answers: Outcome[Answers], wanted: str) -> bool:
    """Whether every server of the zone answered, and with ``wanted`` among its data."""
    if not isinstance(answers, Found) or not answers.value:
        return False
    return all(isinstance(o, Found) and wanted in o.value.data for o in answers.value.values())


async def _located(
    zone: str, names: Sequence[str], resolver: Endpoint, timeout_s: float
) -> Outcome[ZoneServers]:
    found: list[Server] = []
    unknown: list[str] = []
    reason = "no server of the zone has an address"
    for name in names:
        asked = [
            await ask(resolver, name, kind, recursive=True, timeout_s=timeout_s)
            for kind in ("A", "AAAA")
        ]
        addresses = [data for o in asked if isinstance(o, Found) for data in o.value.data]
        found += [Server(name, address) for address in addresses]
        unknown += [] if addresses else [name]
        reason = next((o.reason for o in asked if isinstance(o, Unavailable)), reason)
    if not found:
        return Unavailable(reason)
    return Found(ZoneServers(zone, tuple(found), tuple(unknown)))


async def _exchange(
    server: Endpoint, name: str, kind: str, flags: dns.flags.Flag, timeout_s: float
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0, payload=1232)
    query.flags = flags
    for attempt in range(TRIES):
        try:
            async with asyncio.timeout(2 * timeout_s):
                reply, _ = await dns.asyncquery.udp_with_fallback(
                    query, server.host, timeout=timeout_s, port=server.port
                )
        except (TimeoutError, dns.exception.Timeout):
            if attempt == TRIES - 1:
                raise
        else:
            return reply
    raise TimeoutError


def _read(reply: dns.message.Message, kind: str, *, recursive: bool) -> Outcome[Answer]:
    code = reply.rcode()
    if code not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return Unavailable(f"it answered {dns.rcode.to_text(code)}")
    if not recursive and not reply.flags & dns.flags.AA:
        return Unavailable("it does not answer for the zone (lame)")
    name = _follow(reply)
    rrset = reply.get_rrset(
        reply.answer, name, reply.question[0].rdclass, dns.rdatatype.from_text(kind)
    )
    if rrset is None and not recursive and name != reply.question[0].name:
        return Unavailable(f"{ALIAS} {name}, which it does not serve")
    if rrset is None:
        return NotFound()
    validated = bool(reply.flags & dns.flags.AD)
    return Found(Answer(_data(rrset), rrset.ttl, str(name), validated))


def _follow(reply: dns.message.Message) -> dns.name.Name:
    name = reply.question[0].name
    for _ in range(MAX_CNAMES):
        alias = reply.get_rrset(reply.answer, name, reply.question[0].rdclass, dns.rdatatype.CNAME)
        if alias is None or reply.question[0].rdtype == dns.rdatatype.CNAME:
            break
        name = alias[0].target
    return name


def _data(rrset: dns.rrset.RRset) -> tuple[str, ...]:
    if rrset.rdtype == dns.rdatatype.TXT:
        return tuple(sorted(b"".join(r.strings).decode("utf-8", "replace") for r in rrset))
    return tuple(sorted(r.to_text() for r in rrset))


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError | dns.exception.Timeout):
        return "no answer in time"
    return str(error) or type(error).__name__
