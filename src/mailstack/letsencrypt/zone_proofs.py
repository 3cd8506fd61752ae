"""How a name is proved by a record in its zone (RFC 8555 8.4).

The record is put there through the primary name server, and the authority asks whichever server of
the zone it likes. So the others are waited for: those that answer, and do not have it yet.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mailstack.dns.ask import DNS_PORT, Answers, ask_authoritative, find_zone
from mailstack.dns.update import Change, Tsig, update
from mailstack.errors import MailstackError
from mailstack.outcome import Found, NotFound, Unavailable
from mailstack.topology.model import Endpoint

SETTLE_S: Final = 60.0
"""For every server to have the records; a secondary that is notified needs a second or two."""
_PAUSE_S: Final = 1.0
_ASK_S: Final = 2.0
"""For one try at one server, of two."""
_AT_ONCE: Final = 10
"""Names that are looked for."""
_TTL_S: Final = 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Records:
    """A TXT record for each name. ``kind`` is that of ``order.Prover``."""

    server: Endpoint
    zone: str
    """Empty: the zone that the name lies in, as ``resolver`` knows it."""
    resolver: Endpoint
    tsig: Tsig | None
    kind: str = "dns-01"
    port: int = DNS_PORT
    """At which the zone's servers are asked; tests have another."""
    settle_s: float = SETTLE_S

    def show(self, name: str, token: str, answer: str) -> None:
        del token
        asyncio.run(self._change("add", name, answer))

    def settle(self, answers: Mapping[str, str]) -> Mapping[str, str]:
        """Servers that cannot be asked from here hold nobody up: the authority may reach them."""
        return asyncio.run(self._settled(answers))

    def hide(self, name: str, token: str, answer: str) -> None:
        del token
        try:
            asyncio.run(self._change("remove", name, answer))
        except MailstackError as error:
            _log.warning("the proof of %s stays in its zone: %s", name, error)

    async def _change(self, action: str, name: str, answer: str) -> None:
        zone = self.zone or await self._zone_of(name)
        owner, data = _owner(name), (f'"{answer}"',)
        added = Change("add", owner, "TXT", data, _TTL_S)
        change = added if action == "add" else Change("remove", owner, "TXT", data)
        await update(self.server, zone, [change], self.tsig)

    async def _zone_of(self, name: str) -> str:
        found = await find_zone(name, self.resolver)
        if isinstance(found, Found):
            return found.value
        if isinstance(found, Unavailable):
            raise MailstackError(f"the resolver cannot tell the zone of {name}: {found.reason}")
        raise MailstackError(f"there is no zone of {name} in DNS", advice="publish it")

    async def _settled(self, answers: Mapping[str, str]) -> dict[str, str]:
        lagging = dict.fromkeys(answers, "")
        try:
            async with asyncio.timeout(self.settle_s):
                while True:
                    lagging = await self._lagging({name: answers[name] for name in lagging})
                    if not lagging:
                        return {}
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            return {name: _late(name, servers) for name, servers in lagging.items() if servers}

    async def _lagging(self, answers: Mapping[str, str]) -> dict[str, str]:
        """Return the names that a server does not show yet, each with these servers."""
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str, answer: str) -> str:
            async with turn:
                found = await ask_authoritative(
                    _owner(name), "TXT", resolver=self.resolver, port=self.port, timeout_s=_ASK_S
                )
            return ", ".join(_without(found.value, answer)) if isinstance(found, Found) else ""

        told = await asyncio.gather(*(one(*pair) for pair in answers.items()))
        return {name: servers for name, servers in zip(answers, told, strict=True) if servers}


def _owner(name: str) -> str:
    return f"_acme-challenge.{name}"


def _without(answers: Answers, wanted: str) -> list[str]:
    """Servers that answer, and have no such record or another one."""
    return [
        str(server)
        for server, told in answers.items()
        if isinstance(told, NotFound) or (isinstance(told, Found) and wanted not in told.value.data)
    ]


def _late(name: str, servers: str) -> str:
    return f"{_owner(name)} is not seen yet at {servers}: do they follow the primary server?"
