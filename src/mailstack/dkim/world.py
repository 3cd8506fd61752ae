"""The keys' records in the world: whether every server has them, and putting them there.

A server that does not answer, a zone that cannot be found, a name server without address: all of it
is "cannot tell", and no key moves on by that.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from mailstack.dns.ask import DNS_PORT, Answers, ask_each, find_zone, zone_servers
from mailstack.dns.records import TTL, quoted
from mailstack.dns.update import Change, Tsig, update
from mailstack.errors import MailstackError
from mailstack.model.dkim import DkimKey, record_name
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.topology.model import Endpoint


class World(Protocol):
    """What the keeper asks of DNS."""

    async def seen(self, domain: str, key: DkimKey) -> Outcome[str]:
        """Found: every server of the zone has the record. NotFound: one has not."""

    async def publish(self, domain: str, keys: Sequence[DkimKey]) -> bool:
        """Put the records into the zone; False where the owner does that."""

    async def withdraw(self, domain: str, keys: Sequence[DkimKey]) -> bool:
        """Take the records out of the zone; False where the owner does that."""


class Dns:
    """DNS itself: questions to each server of a zone, updates to the primary."""

    def __init__(
        self,
        resolver: Endpoint,
        *,
        server: Endpoint | None = None,
        zone: str = "",
        tsig: Tsig | None = None,
        port: int = DNS_PORT,
    ) -> None:
        self._resolver = resolver
        self._server = server
        self._zone = zone
        self._tsig = tsig
        self._port = port

    async def seen(self, domain: str, key: DkimKey) -> Outcome[str]:
        name = record_name(key.selector, domain)
        zone = await zone_servers(name, self._resolver)
        if not isinstance(zone, Found):
            return Unavailable(f"no zone of {name} was found") if zone == NotFound() else zone
        if zone.value.unknown:
            return Unavailable(f"the name server {zone.value.unknown[0]} has no address")
        return judged(key, await ask_each(zone.value, name, "TXT", port=self._port))

    async def publish(self, domain: str, keys: Sequence[DkimKey]) -> bool:
        return await self._change(domain, [_added(domain, key) for key in keys])

    async def withdraw(self, domain: str, keys: Sequence[DkimKey]) -> bool:
        changes = [Change("remove", record_name(k.selector, domain), "TXT") for k in keys]
        return await self._change(domain, changes)

    async def _change(self, domain: str, changes: Sequence[Change]) -> bool:
        if self._server is None:
            return False
        zone = self._zone or await _zone_at(domain, self._server)
        await update(self._server, zone, changes, self._tsig)
        return True


def judged(key: DkimKey, answers: Answers) -> Outcome[str]:
    """Make one answer of those of all servers; one that cannot tell counts most."""
    for server, outcome in answers.items():
        if isinstance(outcome, Unavailable):
            return Unavailable(f"{server}: {outcome.reason}")
    everywhere = answers and all(
        isinstance(outcome, Found) and shows(key, outcome.value.data)
        for outcome in answers.values()
    )
    return Found(", ".join(map(str, answers))) if everywhere else NotFound()


def shows(key: DkimKey, texts: Sequence[str]) -> bool:
    """Whether a verifier that gets these texts takes ``key`` (RFC 6376 3.6.1, 3.6.2.2).

    With two records of a key its answer is undefined, so there must be one alone.
    """
    if len(texts) != 1:
        return False
    tags = dict(_tag(part) for part in texts[0].split(";") if "=" in part)
    return (
        tags.get("v", "DKIM1") == "DKIM1"
        and tags.get("k", "rsa") == key.algorithm
        and "".join(tags.get("p", "").split()) == key.public
        and "sha256" in tags.get("h", "sha256").split(":")
        and tags.get("s", "*") in {"*", "email"}
    )


def _added(domain: str, key: DkimKey) -> Change:
    data = (quoted(key.record),)
    return Change("replace", record_name(key.selector, domain), "TXT", data, TTL)


def _tag(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip(), value.strip()


async def _zone_at(domain: str, server: Endpoint) -> str:
    async with asyncio.timeout(60):
        found = await find_zone(domain, server)
    if isinstance(found, Found):
        return found.value
    raise MailstackError(
        f"the name server {server} does not say in which zone {domain} lies",
        advice="set dns.update_zone",
    )
