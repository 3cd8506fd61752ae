"""Is a message from whom it says? Asked of ``identity``, which asks the DNS, in threads of its own.

What is found goes into the header, in one Authentication-Results field; every other one that could
be taken for ours is removed, also from what users send. A message that its author's domain asks to
refuse is refused; one that is to be quarantined gets a field by which the mailbox server files it
in Spam.
"""

import asyncio
import logging
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mailstack.contentfilter.config import Config
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.identity import results
from mailstack.identity.dmarc import Disposition
from mailstack.identity.judge import Heard, Judgement, Rules, judge
from mailstack.identity.lookups import Lookups
from mailstack.identity.record import Tally, uncounted
from mailstack.protocols import milter

if TYPE_CHECKING:
    from mailstack.contentfilter.milter_message import Message

THREADS: Final = 8
"""Messages whose DNS questions are asked at once; the others wait."""
TIMEOUT_S: Final = 100.0
"""For all of it, waiting included. Below Postfix's 300 s, and the 10 minutes of its client."""
MAX_CLAIMS: Final = 500
"""Authentication-Results fields of a message."""
QUARANTINE: Final = "X-Quarantine-Reason"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal, or changes to the header; nothing by default."""

    refusal: str = ""
    changes: bytes = b""


class Origin:
    """Asks the resolver at ``host`` and ``port``; ``tally`` gets what was found of each message."""

    def __init__(self, host: str, port: int, tally: Tally = uncounted) -> None:
        self._lookups = Lookups(host, port)
        self._tally = tally
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="identity")
        self._random = random.SystemRandom()

    def close(self) -> None:
        """Wait for nothing: what is under way gets no answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def say(
        self,
        message: "Message",
        client: milter.Connected,
        helo: bytes,
        config: Config,
        metrics: FilterMetrics,
    ) -> Said:
        """Judge a message of another server."""
        if len(message.from_fields) > 1:
            metrics.rejected.counts[("dmarc",)] += 1
            return Said("550 5.7.1 The message has more than one From field")
        claims = claims_removed(message, config.hostname)
        if claims.refusal:
            return claims
        heard = Heard(
            client.address.decode("ascii", "replace"),
            _text(helo),
            _text(message.sender),
            _text(b"".join(message.from_fields)),
            b"" if message.hashes is None else message.header,
            {} if message.hashes is None else message.hashes.finish(),
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                found = await asyncio.get_running_loop().run_in_executor(
                    self._threads, self._judge, heard, config
                )
        except TimeoutError:
            _log.warning("who sent a message could not be told within %.0f s", TIMEOUT_S)
            return Said("451 4.7.0 Who sent this cannot be told now, try again later")
        metrics.dmarc.counts[(found.assessment.result.value,)] += 1
        if found.assessment.disposition is not Disposition.DEFER:
            self._tally(found.record)
        said = _consequence(found, claims.changes)
        metrics.rejected.counts[("dmarc",)] += said.refusal.startswith("5")
        metrics.quarantined.counts[()] += QUARANTINE.encode() in said.changes
        return said

    def _judge(self, heard: Heard, config: Config) -> Judgement:
        rules = Rules(
            authserv_id=config.hostname,
            trusted=frozenset(config.trusted_forwarders),
            enforce=config.enforce_dmarc,
            quarantine=config.quarantine == "spam",
        )
        return judge(heard, rules, self._lookups, self._random.randrange(100))


def claims_removed(message: "Message", authserv_id: str) -> Said:
    """Take away every field that somebody might read as our own word."""
    if len(message.results) > MAX_CLAIMS:
        return Said("550 5.6.0 The message has too many Authentication-Results fields")
    ours = [
        number
        for number, value in enumerate(message.results, 1)
        if results.names_us(_text(value), authserv_id)
    ]
    return Said(changes=b"".join(milter.remove_field(results.NAME, n) for n in reversed(ours)))


def _consequence(found: Judgement, removals: bytes) -> Said:
    disposition = found.assessment.disposition
    if disposition is Disposition.REJECT:
        words = f"{found.author} asks to refuse what is not proven to be its own"
        return Said(f"550 5.7.26 Refused by DMARC: {words}, by neither SPF nor DKIM")
    if disposition is Disposition.DEFER:
        words = f"whether this is from {found.author} cannot be told now"
        return Said(f"451 4.7.0 Try again later: {words}")
    changes = removals + milter.insert_field(results.NAME, found.field)
    if disposition is Disposition.QUARANTINE:
        reason = f"{found.author} asks to quarantine what is not proven to be its own (DMARC)"
        changes += milter.insert_field(QUARANTINE, reason)
    return Said(changes=changes)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
