"""Asks spamd, a few questions at a time, each within its time.

A scan waits for its turn within ``scan_timeout_s`` too, so a message is never held longer than
that, however many others wait.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Final

from mailstack.contentfilter.config import Address, Config
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.streams import put
from mailstack.contentfilter.verdict import NOT_ANSWERED, Deferred, Verdict, scored
from mailstack.errors import ProtocolError
from mailstack.protocols.spamc import ResponseReader, Scored, headers_request

READ_OCTETS: Final = 65_536
SLACK_OCTETS: Final = 65_536
"""What spamd may add to a header: its response is never longer than message and this."""

_log = logging.getLogger(__name__)


class Scanner:
    """spamd, as seen from here."""

    def __init__(self, config: Config, metrics: FilterMetrics) -> None:
        self._address = config.spamd
        self._timeout_s = config.scan_timeout_s
        self._max_response = config.max_scan_octets + SLACK_OCTETS
        self._without_answer: Verdict = (
            NOT_ANSWERED if config.on_failure == "deliver" else Deferred()
        )
        self._turns = asyncio.Semaphore(config.scans_at_once)
        self._metrics = metrics

    async def verdicts(
        self, message: bytes, envelope: bytes, users: Iterable[str]
    ) -> Mapping[str, Verdict]:
        """The verdict of each user on one message; scans go on at the same time."""
        async with asyncio.TaskGroup() as group:
            tasks = {
                user: group.create_task(self.verdict(message, envelope, user)) for user in users
            }
        return {user: task.result() for user, task in tasks.items()}

    async def verdict(self, message: bytes, envelope: bytes, user: str) -> Verdict:
        """One scan. Never raises: no answer is a verdict too, chosen by ``on_failure``."""
        answer = await self.score(message, user, envelope)
        if answer is None:
            return self._without_answer
        self._metrics.verdicts.counts[("spam" if answer.is_spam else "ham",)] += 1
        return scored(answer)

    async def score(self, message: bytes, user: str, envelope: bytes = b"") -> Scored | None:
        """What spamd says; None if it says nothing, which is logged and counted."""
        started = time.perf_counter_ns()
        try:
            answer = await self._ask(message, envelope, user)
        except (OSError, ProtocolError) as error:
            reason = _reason(error)
            _log.warning("spamd did not answer for %s: %s (%s)", user, reason, error)
            self._metrics.unscanned.counts[(reason,)] += 1
            return None
        self._metrics.scan_time.observe(time.perf_counter_ns() - started)
        return answer

    async def _ask(self, message: bytes, envelope: bytes, user: str) -> Scored:
        async with asyncio.timeout(self._timeout_s), self._turns:
            self._metrics.scanning += 1
            try:
                encoded = user.encode("utf-8", "surrogateescape")
                request = headers_request(message, user=encoded, envelope=envelope)
                return await _exchange(self._address, request, ResponseReader(self._max_response))
            finally:
                self._metrics.scanning -= 1


async def _exchange(address: Address, request: bytes, response: ResponseReader) -> Scored:
    reader, writer = await asyncio.open_connection(*address)
    try:
        put(writer, request)
        # spamd answers only once it has read all, or refuses without reading: never wait for both.
        while (answer := response.scored()) is None:
            data = await reader.read(READ_OCTETS)
            if not data:
                raise ProtocolError("spamd closed the connection before its answer was complete")
            response.feed(data)
        return answer
    finally:
        writer.close()


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "timeout"
        case OSError():
            return "unreachable"
        case _:
            return "garbage"
