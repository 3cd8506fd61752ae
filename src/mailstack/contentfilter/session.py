"""One connection of Postfix's lmtp(8): its commands, its messages, its replies in order.

A state machine over ``protocols.lmtp``; what a message becomes is decided in ``judge`` and
``deliver``. Commands that arrive together are answered together (RFC 2920). Longer than most files
here because it is one table of what is allowed when.
"""

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, assert_never

from mailstack.contentfilter.envelope import Envelope, Recipient
from mailstack.contentfilter.reception import Reception
from mailstack.contentfilter.streams import Reads, put, send
from mailstack.protocols import lmtp
from mailstack.protocols.lmtp_replies import Reply, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailstack.contentfilter.deliver import Transaction
    from mailstack.contentfilter.filter import Filter

READ_OCTETS: Final = 131_072
MAX_ERRORS: Final = 20
"""Refused commands in one connection, then it is closed: no client of ours makes any."""

_OK: Final = reply(250, "2.0.0 OK")
_SENDER_OK: Final = reply(250, "2.1.0 OK")
_BYE: Final = reply(221, "2.0.0 Bye")
_CANNOT_VERIFY: Final = reply(252, "2.3.3 Try RCPT")
_GO_AHEAD: Final = reply(354, "End data with <CR><LF>.<CR><LF>")
_CLOSING: Final = reply(421, "4.3.2 Closing, come again later")
_TOO_MANY_ERRORS: Final = reply(421, "4.7.0 Too many errors")
_LHLO_FIRST: Final = reply(503, "5.5.1 LHLO first")
_MAIL_FIRST: Final = reply(503, "5.5.1 MAIL first")
_NESTED_MAIL: Final = reply(503, "5.5.1 Sender was given already")
_NO_RECIPIENTS: Final = reply(503, "5.5.1 No valid recipients")
_TOO_MANY_RECIPIENTS: Final = reply(452, "4.5.3 Too many recipients")
_UNKNOWN_PARAMETER: Final = reply(555, "5.5.4 Unsupported parameter")
_MAIL_PARAMETERS: Final = (b"SIZE", b"BODY", b"SMTPUTF8")

_log = logging.getLogger(__name__)


class Session:
    """Make one per connection, run it once."""

    def __init__(
        self,
        current: "Callable[[], Filter]",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        name: str,
    ) -> None:
        self._current = current
        """A reload makes another filter; each transaction has the one it began with."""
        self._filter = current()
        self._reader = reader
        self._reads = Reads(reader, writer)
        self._writer = writer
        self._name = name
        self._commands = lmtp.CommandReader()
        self._greeted = False
        self._transactions = 0
        self._forget()
        self._unasked: list[Recipient] = []
        self._replies: list[Reply] = []
        self._errors = 0
        self._closing = False

    def _forget(self) -> None:
        self._envelope: Envelope | None = None
        self._transaction: Transaction | None = None
        self._recipients: list[Recipient] = []
        self._named = 0
        self._reception: Reception | None = None

    async def run(self) -> None:
        """Until the client leaves, or is told to."""
        try:
            await self._run()
        except OSError as error:
            _log.info("%s: connection: %s", self._name, str(error) or "timed out")
        finally:
            if self._transaction is not None:
                self._transaction.close()
            if self._reception is not None:
                self._reception.close()
            self._reads.close()
            self._writer.close()

    async def _run(self) -> None:
        self._replies.append(reply(220, f"{self._filter.config.hostname} mailstack contentfilter"))
        await self._flush()
        while not self._closing:
            data = await self._reads.read(READ_OCTETS, self._filter.config.timeouts.idle)
            if not data:
                return
            self._commands.feed(data)
            await self._serve()

    async def _serve(self) -> None:
        """Everything that has arrived, then the replies in one write."""
        while not self._closing and (event := self._commands.next_event()) is not None:
            if self._unasked and not isinstance(event, lmtp.Rcpt):
                # Unscanned, one copy for all follows at once.
                at_once = not self._filter.config.enabled and isinstance(event, lmtp.Data)
                await self._settle(then_data=at_once)
            await self._handle(event)
        await self._settle()
        if self._current().retired and self._envelope is None and not self._closing:
            self._close(_CLOSING)
        await self._flush()

    def stop(self) -> None:
        """The filter ends: leave now if nothing is under way, else after this transaction."""
        if self._envelope is None and not self._replies and not self._closing:
            self._closing = True
            with suppress(ConnectionError):
                put(self._writer, _CLOSING.encode())
            self._writer.close()

    async def _handle(self, event: lmtp.Event) -> None:
        match event:
            case lmtp.Body(octets):
                await self._expect_reception().add(octets)
            case lmtp.EndOfBody():
                await self._end_of_message()
            case lmtp.Mail():
                self._mail(event)
            case lmtp.Rcpt():
                await self._rcpt(event)
            case lmtp.Data():
                self._data()
            case _:
                await self._handle_plain(event)

    async def _handle_plain(self, event: lmtp.PlainCommand) -> None:
        """Commands that are allowed at any time between messages."""
        match event:
            case lmtp.Lhlo():
                await self._reset()
                self._greeted = True
                self._replies.append(self._filter.capabilities)
            case lmtp.Rset():
                await self._reset()
                self._replies.append(_OK)
            case lmtp.Noop():
                self._replies.append(_OK)
            case lmtp.Vrfy():
                self._replies.append(_CANNOT_VERIFY)
            case lmtp.Quit():
                await self._reset()
                self._close(_BYE)
            case lmtp.Malformed(answer):
                self._refuse(answer)
            case _:
                assert_never(event)

    def _mail(self, mail: lmtp.Mail) -> None:
        if not self._greeted:
            return self._refuse(_LHLO_FIRST)
        if self._envelope is not None:
            return self._refuse(_NESTED_MAIL)
        if any(p.split(b"=", 1)[0].upper() not in _MAIL_PARAMETERS for p in mail.parameters):
            return self._refuse(_UNKNOWN_PARAMETER)
        self._filter = self._current()
        self._transactions += 1
        self._envelope = Envelope(mail, f"{self._name}.{self._transactions}")
        self._transaction = self._filter.transaction(self._envelope)
        self._replies.append(_SENDER_OK)
        return None

    async def _rcpt(self, rcpt: lmtp.Rcpt) -> None:
        """Note whom to ask for. Any other reply settles these first, so the order is kept."""
        if self._envelope is None:
            return self._refuse(_MAIL_FIRST)
        if rcpt.parameters:
            await self._settle()
            return self._refuse(_UNKNOWN_PARAMETER)
        if self._named >= self._filter.config.max_recipients:
            await self._settle()
            return self._replies.append(_TOO_MANY_RECIPIENTS)
        self._unasked.append(Recipient(self._named, rcpt))
        self._named += 1
        return None

    async def _settle(self, *, then_data: bool = False) -> None:
        """Ask the mailbox server about the recipients named since the last time, all at once."""
        if not self._unasked or self._transaction is None:
            return
        asked, self._unasked = self._unasked, []
        answers = await self._transaction.ask(asked, then_data=then_data)
        self._recipients += [r for r in asked if answers[r].accepted]
        self._replies += [answers[r] for r in asked]

    def _data(self) -> None:
        if self._envelope is None:
            return self._refuse(_MAIL_FIRST)
        if not self._recipients:
            return self._refuse(_NO_RECIPIENTS)
        self._reception = self._filter.reception()
        self._commands.begin_body()
        return self._replies.append(_GO_AHEAD)

    def _expect_reception(self) -> Reception:
        if self._reception is None:
            raise AssertionError("a piece of a message outside DATA")
        return self._reception

    async def _end_of_message(self) -> None:
        reception = self._expect_reception()
        envelope, transaction = self._envelope, self._transaction
        if envelope is None or transaction is None:
            raise AssertionError("a message without an envelope")
        try:
            self._replies += await self._filter.process(
                envelope, self._recipients, transaction, reception, self._gone
            )
        finally:
            reception.close()
        await self._reset()

    def _gone(self) -> bool:
        """Whether the client left: it will come again, so delivering would make a duplicate."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def _reset(self) -> None:
        transaction = self._transaction
        self._forget()
        if transaction is not None:
            await transaction.abandon()

    def _refuse(self, answer: Reply) -> None:
        self._replies.append(answer)
        self._errors += 1
        if self._errors >= MAX_ERRORS:
            self._close(_TOO_MANY_ERRORS)

    def _close(self, last: Reply) -> None:
        self._closing = True
        self._replies.append(last)

    async def _flush(self) -> None:
        if not self._replies:
            return
        replies = b"".join(answer.encode() for answer in self._replies)
        self._replies.clear()
        await send(self._writer, replies, self._filter.config.timeouts.command)
