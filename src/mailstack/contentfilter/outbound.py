"""How much one login may send: asked by Postfix at the end of each message of a user.

A stolen password sends as much as it can; with a limit it does little harm before somebody notices.
A message is counted when it has come in whole; if a milter then refuses it, it stays counted.
Whoever asks about something else (no login, no recipients yet) gets no opinion.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, assert_never

from mailstack.aio.listener import Connection, Listener
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.usage import Granted, Later, Never
from mailstack.contentfilter.usage_file import KeptUsage
from mailstack.errors import ProtocolError
from mailstack.protocols.policy import DUNNO, Request, RequestReader, encode

MAX_CONNECTIONS: Final = 200
"""Above Postfix's own number of processes (default_process_limit), each of which keeps one."""
IDLE_S: Final = 600.0
"""Above Postfix's own 300 s (smtpd_policy_service_max_idle), so that it is the one who closes."""

_log = logging.getLogger(__name__)


class Outbound:
    """Decides. ``limit``: recipients of one login within 24 hours; 0: no limit."""

    def __init__(self, limit: int, usage: KeptUsage, metrics: FilterMetrics) -> None:
        self.limit = limit
        self._usage = usage
        self._metrics = metrics

    def action(self, request: Request) -> str:
        """Return what Postfix is to do with a message."""
        login, count = request.get("sasl_username", ""), request.get("recipient_count", "")
        recipients = int(count) if count.isdecimal() and count.isascii() else 0
        if not (self.limit and login and recipients):
            return DUNNO
        answer = self._usage.spend(login.casefold(), recipients, self.limit)
        match answer:
            case Granted():
                self._metrics.sent_recipients.counts[()] += recipients
                return DUNNO
            case Later(used, at):
                return self._refuse(login, f"450 4.7.1 {self._later(login, used, recipients, at)}")
            case Never():
                words = f"{recipients} recipients are more than the {self.limit} of a whole day"
                return self._refuse(login, f"554 5.7.1 {login}: {words}")
            case _:
                assert_never(answer)

    def _refuse(self, login: str, action: str) -> str:
        self._metrics.over_limit.counts[()] += 1
        _log.warning("refused a message of %s: %s", login, action)
        return action

    def _later(self, login: str, used: int, recipients: int, at: int) -> str:
        when = f"{datetime.fromtimestamp(at, UTC):%H:%M} UTC"
        return (
            f"{login} has sent to {used} recipients within 24 hours, and {recipients} more exceed "
            f"the limit of {self.limit}; try again after {when}"
        )


class PolicyConnection(Connection):
    """One smtpd process."""

    __slots__ = ("_outbound", "_requests")

    def __init__(self, listener: Listener, outbound: Outbound) -> None:
        super().__init__(listener)
        self._outbound = outbound
        self._requests = RequestReader()

    def replies(self, data: bytes) -> Iterator[bytes]:
        for request in self._requests.feed(data):
            yield encode(self._outbound.action(request))


def policy_listener(outbound: Outbound) -> Listener:
    """Make the listener of the policy port."""
    return Listener(
        lambda listener: PolicyConnection(listener, outbound),
        max_connections=MAX_CONNECTIONS,
        idle_s=IDLE_S,
        on_malformed=_complain,
    )


def _complain(error: ProtocolError) -> None:
    _log.warning("policy port: closed a connection: %s", error)
