"""What Postfix must demand of a domain's servers: found, kept, asked for again.

RFC 8461. A domain without a policy, or whose first policy cannot be fetched, gets mail as ever
(3.3); one that was fetched is held to until it expires, whatever happens then (5.1). When DNS
cannot say whether there is a policy and none is known, the answer is Unavailable: mail waits.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from mailstack.errors import ProtocolError
from mailstack.model.domains import DomainName, parse_domain
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols.mta_sts import Policy, policy_id, postfix_policy, read_policy
from mailstack.tlspolicy.cache import Cache, Entry

CHECK_S: Final = 3600.0
"""After which DNS is asked again whether a policy has changed."""
RETRY_S: Final = 300.0
"""After which it is asked again where it had none to offer, or did not answer."""
REFRESH_S: Final = 86_400.0
"""Age at which a policy is fetched again, so that it does not expire between two letters."""
MAX_ABSENT: Final = 10_000
"""Domains remembered to have no policy."""
DANE_FIRST: Final = "dane-only"
"""smtp_tls_policy_maps: only servers that DANE vouches for."""

Clock = Callable[[], float]
Texts = Callable[[str], Awaitable[Outcome[tuple[str, ...]]]]
"""Asks DNS for the TXT records of a name."""
Fetch = Callable[[DomainName], Awaitable[bytes]]
"""Raises ProtocolError when there is none to be had."""
Protected = Callable[[DomainName], Awaitable[Outcome[bool]]]
"""Whether DANE vouches for a domain's servers."""
Spell = Callable[[DomainName, Policy], str]
"""Writes an enforced policy as the Postfix that asks understands it."""

_log = logging.getLogger(__name__)


class Policies:
    """``look_up`` domains as Postfix asks."""

    def __init__(
        self,
        cache: Cache,
        texts: Texts,
        fetch: Fetch,
        dane: Protected | None,
        clock: Clock = time.time,
    ) -> None:
        """Without ``dane`` only the policies count."""
        self._cache = cache
        self._texts = texts
        self._fetch = fetch
        self._dane = dane
        self._clock = clock
        self._absent: dict[DomainName, float] = {}
        self._locks: dict[DomainName, asyncio.Lock] = {}

    async def look_up(self, key: str, spell: Spell = postfix_policy) -> Outcome[str]:
        """Answer for one next hop. ``[host]``, ``host:port`` and ``.parent`` are no domains."""
        try:
            domain = parse_domain(key) if key[:1] != "." else None
        except ValueError:
            domain = None
        if domain is None:
            return NotFound()
        match await self.policy(domain):
            case Found(Policy(mode="enforce") as policy):
                return await self._enforced(domain, policy, spell)
            case Unavailable() as unavailable:
                return unavailable
            case _:
                return NotFound()

    async def policy(self, domain: DomainName) -> Outcome[Policy]:
        """Return the policy in force, asking for it when it is due."""
        async with self._alone(domain):
            now = self._clock()
            entry = self._cache.get(domain, now)
            if entry is not None and now < entry.checked + CHECK_S:
                return Found(entry.policy)
            if entry is None and now < self._absent.get(domain, 0):
                return NotFound()
            return await self._ask(domain, entry)

    async def refresh(self) -> None:
        """Fetch every policy that has come of age."""
        for domain in self._cache.older_than(self._clock() - REFRESH_S):
            self._cache.note(domain, 0)
            await self.policy(domain)

    async def _enforced(self, domain: DomainName, policy: Policy, spell: Spell) -> Outcome[str]:
        """DANE comes first: a policy must not let pass what it refuses (RFC 8461 2)."""
        match await self._dane(domain) if self._dane else NotFound():
            case Found():
                return Found(DANE_FIRST)
            case Unavailable() as unavailable:
                return unavailable
        return Found(spell(domain, policy))

    async def _ask(self, domain: DomainName, entry: Entry | None) -> Outcome[Policy]:
        """Ask DNS; fetch what is new. Whatever fails, a policy that is known stays in force."""
        texts = await self._texts(f"_mta-sts.{domain}")
        if isinstance(texts, Unavailable):
            return self._as_known(domain, entry, texts)
        name = _id(texts)
        if not name:
            return self._as_known(domain, entry, NotFound())
        now = self._clock()
        if entry is not None and entry.id == name and now < entry.fetched + REFRESH_S:
            self._cache.note(domain, now)
            return Found(entry.policy)
        return await self._fetched(domain, name, entry)

    async def _fetched(self, domain: DomainName, name: str, entry: Entry | None) -> Outcome[Policy]:
        try:
            body = await self._fetch(domain)
            policy = read_policy(body)
        except ProtocolError as error:
            _log.warning("%s: its MTA-STS policy cannot be had: %s", domain, error)
            return self._as_known(domain, entry, NotFound())
        now = self._clock()
        try:
            self._cache.put(domain, Entry(name, policy, now, now), body)
        except OSError as error:
            return Unavailable(f"the policy of {domain} cannot be kept: {error}")
        return Found(policy)

    def _as_known(
        self, domain: DomainName, entry: Entry | None, otherwise: NotFound | Unavailable
    ) -> Outcome[Policy]:
        now = self._clock()
        if entry is not None:
            self._cache.note(domain, now - CHECK_S + RETRY_S)
            return Found(entry.policy)
        if isinstance(otherwise, NotFound):
            if len(self._absent) >= MAX_ABSENT:
                self._absent.clear()
            self._absent[domain] = now + RETRY_S
        return otherwise

    @asynccontextmanager
    async def _alone(self, domain: DomainName) -> AsyncIterator[None]:
        """Let one question for a domain be under way; the others wait for its answer."""
        lock = self._locks.setdefault(domain, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._locks.pop(domain, None)


def _id(texts: Found[tuple[str, ...]] | NotFound) -> str:
    return policy_id(texts.value) if isinstance(texts, Found) else ""
