"""Whether DANE vouches for a domain's servers: MX and TLSA records, both in signed DNS (RFC 7672).

Postfix does DANE itself. This is asked only for a domain that has an MTA-STS policy too, to let
DANE come first.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from mailstack.dns.ask import Answer, ask
from mailstack.model.domains import DomainName
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.topology.model import Endpoint

TIMEOUT_S: Final = 30.0
MAX_SERVERS: Final = 20
_USABLE: Final = ("2 ", "3 ")
"""DANE-TA and DANE-EE; the other usages are not for SMTP (RFC 7672 3.1.3)."""


@dataclass(frozen=True, slots=True)
class Dane:
    """Asks the validating ``resolver``."""

    resolver: Endpoint
    smtp_port: int

    async def protects(self, domain: DomainName) -> Outcome[bool]:
        """Found: at least one of its servers. NotFound: none. Unavailable: DNS cannot tell."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._any(domain)
        except TimeoutError:
            return Unavailable(f"DNS takes too long for the TLSA records of {domain}")

    async def _any(self, domain: DomainName) -> Outcome[bool]:
        match await ask(self.resolver, domain, "MX", recursive=True):
            case Found(Answer(validated=True) as mx):
                servers = [data.split()[1] for data in mx.data[:MAX_SERVERS]]
            case Unavailable() as unavailable:
                return unavailable
            case _:
                return NotFound()
        names = [f"_{self.smtp_port}._tcp.{server}" for server in servers if server != "."]
        answers = [await ask(self.resolver, name, "TLSA", recursive=True) for name in names]
        if any(isinstance(answer, Found) and _usable(answer.value) for answer in answers):
            return Found(value=True)
        return next((one for one in answers if isinstance(one, Unavailable)), NotFound())


def _usable(answer: Answer) -> bool:
    return answer.validated and any(data.startswith(_USABLE) for data in answer.data)
