"""One envelope at the mailbox server: who may receive, and then the copies.

The mailbox server is asked about each recipient when the client names it, so what it refuses is
neither scanned nor sent. A connection that breaks before any copy was handed over is replaced and
asked again. After that nothing is tried twice: the recipients without an answer get 451, and
Postfix comes again with those alone.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mailstack.contentfilter.envelope import Envelope, Recipient
from mailstack.contentfilter.mailbox_server import Connection, MailboxServerGone, Pool
from mailstack.contentfilter.spool import Spool
from mailstack.protocols.lmtp_replies import Reply, reply

TRY_AGAIN: Final = reply(451, "4.3.0 The mailbox server is unavailable, try again later")
GO_AHEAD: Final = 354

Replies = Mapping[Recipient, Reply]

_log = logging.getLogger(__name__)


class Transaction:
    """Make one per MAIL. ``abandon`` it when no message follows."""

    def __init__(self, pool: Pool, envelope: Envelope, delivery_timeout_s: float) -> None:
        self._pool = pool
        self._envelope = envelope
        self._timeout_s = delivery_timeout_s
        self._connection: Connection | None = None
        self._accepted: list[Recipient] = []
        """In the state of the connection."""
        self._go_ahead_said: Reply | None = None
        """The answer to a DATA that was sent along with the recipients."""

    async def ask(self, recipients: Sequence[Recipient], *, then_data: bool = False) -> Replies:
        """Whether the mailbox server takes mail for these; its own words.

        ``then_data`` sends DATA along, which saves a round trip when one copy for all of them
        follows at once.
        """
        try:
            if self._connection is None:
                return await self._begin(recipients, then_data=then_data)
            commands = [_rcpt(r, self._connection) for r in recipients]
            answers = await self._exchange(self._connection, commands, then_data=then_data)
            return self._note(recipients, answers)
        except MailboxServerGone as gone:
            self._drop_connection()
            _log.warning("%s: mailbox server: %s", self._envelope.name, gone)
            return dict.fromkeys(recipients, TRY_AGAIN)

    async def _begin(
        self, recipients: Sequence[Recipient], *, then_data: bool = False, fresh: bool = False
    ) -> Replies:
        """MAIL and RCPTs on a connection; once more on a fresh one if an idle one had died."""
        connection = self._connection = await self._pool.acquire(fresh=fresh)
        commands = [_mail(self._envelope, connection), *(_rcpt(r, connection) for r in recipients)]
        try:
            mail, *answers = await self._exchange(connection, commands, then_data=then_data)
        except MailboxServerGone:
            self._drop_connection()
            if not connection.used_before:
                raise
            return await self._begin(recipients, then_data=then_data, fresh=True)
        return self._note(recipients, answers if mail.accepted else [mail] * len(recipients))

    async def _exchange(
        self, connection: Connection, commands: list[bytes], *, then_data: bool
    ) -> list[Reply]:
        if not then_data:
            return await connection.exchange(commands)
        *answers, self._go_ahead_said = await connection.exchange([*commands, b"DATA\r\n"])
        return answers

    def _note(self, recipients: Sequence[Recipient], answers: Sequence[Reply]) -> Replies:
        replies = dict(zip(recipients, answers, strict=True))
        self._accepted += [r for r, answer in replies.items() if answer.accepted]
        return replies

    async def deliver(
        self, fields: bytes, recipients: Sequence[Recipient], message: Spool
    ) -> Replies:
        """Hand over one copy for ``recipients``, with ``fields`` in front. An answer for each."""
        replies: dict[Recipient, Reply] = {}
        try:
            await self._deliver(fields, recipients, message, replies)
        except (MailboxServerGone, OSError) as error:
            self._drop_connection()
            _log.warning("%s: not delivered: %s", self._envelope.name, error)
        return {r: replies.get(r, TRY_AGAIN) for r in recipients}

    async def _deliver(
        self,
        fields: bytes,
        recipients: Sequence[Recipient],
        message: Spool,
        replies: dict[Recipient, Reply],
    ) -> None:
        go_ahead = await self._go_ahead(recipients, replies)
        taken = [r for r in recipients if r not in replies]
        if go_ahead.code != GO_AHEAD or self._connection is None:
            replies.update(dict.fromkeys(taken, _never_accepting(go_ahead)))
            return await self.abandon()
        await self._connection.send_message(fields, message.blocks())
        for recipient in taken:
            replies[recipient] = await self._connection.reply(self._timeout_s)
        self._pool.release(self._let_go(self._connection))
        return None

    async def _go_ahead(
        self, recipients: Sequence[Recipient], refused: dict[Recipient, Reply]
    ) -> Reply:
        """Bring a connection to where the message is sent; note who is refused on the way."""
        if self._connection is not None and self._accepted == recipients:
            if self._go_ahead_said is not None:
                return self._go_ahead_said
            try:
                return await self._data(self._connection)
            except MailboxServerGone as gone:
                # It died while we were scanning. Nothing was handed over, so begin again.
                _log.info("%s: mailbox server: %s", self._envelope.name, gone)
                self._drop_connection()
        await self.abandon()
        begun = await self._begin(recipients)
        refused.update({r: answer for r, answer in begun.items() if not answer.accepted})
        if self._connection is None or not self._accepted:
            return TRY_AGAIN
        return await self._data(self._connection)

    async def _data(self, connection: Connection) -> Reply:
        (answer,) = await connection.exchange([b"DATA\r\n"])
        return answer

    async def abandon(self) -> None:
        """No message follows: give the connection back, unless it waits for just that."""
        if self._go_ahead_said is not None and self._go_ahead_said.code == GO_AHEAD:
            self._drop_connection()
        elif self._connection is not None:
            await self._pool.reset(self._let_go(self._connection))

    def close(self) -> None:
        """The session breaks off: nobody waits for the connection's answer any more."""
        self._drop_connection()

    def _let_go(self, connection: Connection) -> Connection:
        self._connection, self._accepted, self._go_ahead_said = None, [], None
        return connection

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._let_go(self._connection).close()


def _never_accepting(answer: Reply) -> Reply:
    """A refusal of DATA; anything that is none must not look like success."""
    return answer if answer.code // 100 in (4, 5) else TRY_AGAIN


def _mail(envelope: Envelope, connection: Connection) -> bytes:
    mail = envelope.mail
    return b"MAIL FROM:<%s>%s\r\n" % (mail.sender, _announced(mail.parameters, connection))


def _rcpt(recipient: Recipient, connection: Connection) -> bytes:
    utf8 = b"SMTPUTF8" in connection.extensions
    address = recipient.rcpt.recipient if utf8 else recipient.with_a_labels
    return b"RCPT TO:<%s>\r\n" % address


_EXTENSION_OF: Final = {b"BODY": b"8BITMIME"}
"""Parameters named otherwise than their extension (RFC 6152 2)."""


def _announced(parameters: Iterable[bytes], connection: Connection) -> bytes:
    """The parameters the mailbox server knows: Dovecot 2.3 refuses the others with 555."""
    kept = []
    for parameter in parameters:
        keyword = parameter.split(b"=", 1)[0].upper()
        if _EXTENSION_OF.get(keyword, keyword) in connection.extensions:
            kept.append(b" " + parameter)
    return b"".join(kept)
