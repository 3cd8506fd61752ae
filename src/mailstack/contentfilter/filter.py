"""The filter without its sockets: what every session shares, and a message's way through it."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from mailstack.contentfilter.config import Config
from mailstack.contentfilter.deliver import Transaction
from mailstack.contentfilter.envelope import Envelope, Recipient
from mailstack.contentfilter.judge import Judge
from mailstack.contentfilter.mailbox_server import Pool
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.profiles import Profiles
from mailstack.contentfilter.reception import Reception
from mailstack.contentfilter.scan import Scanner
from mailstack.contentfilter.verdict import Deferred
from mailstack.protocols.lmtp_replies import Reply, reply

NO_VERDICT: Final = reply(451, "4.3.0 The spam filter is unavailable, try again later")

_log = logging.getLogger(__name__)


class ClientGone(ConnectionError):
    """The client left before its message was delivered: it has it still, and will come again."""


class Filter:
    """One per configuration: a reload makes another, and retires this one."""

    def __init__(self, config: Config, metrics: FilterMetrics, profiles: Profiles) -> None:
        self.config = config
        self.metrics = metrics
        self.profiles = profiles
        self.retired = False
        """No transaction begins with this one any more."""
        self.pool = Pool(
            config.mailboxes, config.hostname, config.timeouts, max_idle=config.max_connections
        )
        self.scanner = Scanner(config, metrics)
        self._judge = Judge(config, self.scanner, profiles, metrics)
        self.capabilities = reply(
            250,
            config.hostname,
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            f"SIZE {config.max_message_octets}",
        )

    def retire(self) -> None:
        """Begin nothing new."""
        self.retired = True
        self.pool.close()

    def transaction(self, envelope: Envelope) -> Transaction:
        return Transaction(self.pool, envelope, self.config.timeouts.delivery)

    def reception(self) -> Reception:
        return Reception(self.config)

    async def process(
        self,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        transaction: Transaction,
        reception: Reception,
        gone: Callable[[], bool],
    ) -> list[Reply]:
        """Judge and deliver a complete message. A reply for each recipient, in their order.

        Raises:
            ClientGone: nobody waits for the replies any more; nothing was delivered.
        """
        started = time.monotonic()
        self.metrics.messages.counts[()] += 1
        self.metrics.transactions += 1
        try:
            replies = await self._process(envelope, recipients, transaction, reception, gone)
        finally:
            self.metrics.transactions -= 1
        self._report(envelope, recipients, reception, replies, time.monotonic() - started)
        return replies

    async def _process(
        self,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        transaction: Transaction,
        reception: Reception,
        gone: Callable[[], bool],
    ) -> list[Reply]:
        await reception.finish()
        if reception.refusal is not None:
            return [reception.refusal] * len(recipients)
        try:
            copies = await self._judge.copies(envelope, recipients, reception.message)
        except OSError as error:
            _log.error("%s: the spool cannot be read: %s", envelope.name, error)
            return [NO_VERDICT] * len(recipients)
        if gone():
            raise ClientGone("the client left before its message was delivered")
        replies: dict[Recipient, Reply] = {}
        for verdict, group in copies.items():
            if isinstance(verdict, Deferred):
                replies.update(dict.fromkeys(group, NO_VERDICT))
            else:
                replies |= await transaction.deliver(verdict.fields, group, reception.message)
        return [replies[recipient] for recipient in recipients]

    def _report(
        self,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        reception: Reception,
        replies: Sequence[Reply],
        seconds: float,
    ) -> None:
        for answer in replies:
            self.metrics.replies.counts[(str(answer.code // 100),)] += 1
        outcome = ", ".join(
            f"<{recipient.address}> {answer.code}"
            for recipient, answer in zip(recipients, replies, strict=True)
        )
        _log.info(
            "%s: from <%s>, %d octets, %.3f s: %s",
            envelope.name,
            envelope.mail.sender.decode("utf-8", "replace"),
            reception.message.octets,
            seconds,
            outcome.encode("utf-8", "replace").decode(),
        )
