"""One connection of Postfix's smtpd before the queue: hears a message, then has one say.

A message of a user: does its From field name the user (``author``)? A message of another server:
is it from whom it says (``origin``), and is it spam to all of its recipients (``reject``)?
Everything else passes. Where we do not answer Postfix says 451, unless nothing but spam was to be
looked for: that is scanned behind the queue.
"""

import asyncio
import logging
from email.utils import formatdate
from typing import TYPE_CHECKING

from mailstack.contentfilter import author, reject
from mailstack.contentfilter.directory import Directory
from mailstack.contentfilter.milter_message import Message
from mailstack.contentfilter.origin import Origin, Said, claims_removed
from mailstack.contentfilter.reports import Reports
from mailstack.contentfilter.streams import put
from mailstack.program.milter_connection import MilterConnection
from mailstack.protocols import milter
from mailstack.protocols.milter import CONTINUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailstack.contentfilter.filter import Filter

_log = logging.getLogger(__name__)


class MilterSession(MilterConnection):
    """Make one per connection, ``run`` it once."""

    def __init__(
        self,
        current: "Callable[[], Filter]",
        directory: Directory,
        origin: Origin | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        reports: Reports | None = None,
    ) -> None:
        super().__init__(reader, writer)
        self._current = current
        self._directory = directory
        self._origin = origin
        self._reports = reports or Reports()
        self._client = milter.Connected(b"", b"")
        self._helo = b""
        self._login = ""
        self._message: Message | None = None

    async def hear(self, event: milter.Event) -> None:
        match event:
            case milter.BodyPiece(octets):
                message, config = self._expect(), self._current().config
                scanned = config.reject_score is not None
                reported = self._reports.keeps(message, config.incoming)
                message.add_body(octets, keep=scanned or reported)
            case milter.HeaderField():
                self._expect().add_field(event)
            case milter.EndOfHeader():
                self._expect().end_header()
            case milter.RcptTo(recipient):
                self._expect().add_recipient(recipient)
            case milter.MailFrom(sender):
                config = self._current().config
                limits = config.max_scan_octets, config.max_recipients
                self._message = Message(sender, self._login, *limits)
            case milter.EndOfMessage():
                message, self._message = self._expect(), None
                put(self._writer, await self._say(message))
            case _:
                self._hear_of_the_connection(event)

    def _hear_of_the_connection(self, event: milter.Event) -> None:
        match event:
            case milter.Offer():
                config = self._current().config
                body = self._origin is not None or config.reject_score is not None
                body = body or config.incoming is not None
                changes = self._origin is not None
                put(self._writer, milter.accept(event, body=body, changes=changes))
            case milter.Macros(b"M", values):
                self._login = values.get(b"auth_authen", b"").decode("utf-8", "surrogateescape")
            case milter.Connected():
                self._client = event
            case milter.Helo(name):
                self._helo = name
            case milter.Abandoned():
                self._message = None
            case milter.Quit(again):
                self._message, self._open = None, again

    def _expect(self) -> Message:
        if self._message is None:
            raise milter.BadPacket("a piece of a message outside of one")
        return self._message

    async def _say(self, message: Message) -> bytes:
        said = await self._from_whom(message)
        refusal = said.refusal or await self._refusal(message)
        if not refusal:
            self._reports.copy(message, self._current().config.incoming)
            return said.changes + CONTINUE
        _log.info("refused from <%s>: %s", message.sender.decode("utf-8", "replace"), refusal)
        return milter.refuse(refusal)

    async def _from_whom(self, message: Message) -> Said:
        if self._origin is None:
            return Said()
        config, metrics = self._current().config, self._current().metrics
        if message.login:
            return claims_removed(message, config.hostname)
        return await self._origin.say(message, self._client, self._helo, config, metrics)

    async def _refusal(self, message: Message) -> str:
        config, metrics = self._current().config, self._current().metrics
        if message.login:
            if not config.check_from:
                return ""
            said = await author.objection(self._directory, message.login, message.from_fields)
            metrics.rejected.counts[("from",)] += said.startswith("5")
            return said
        if config.reject_score is None or not message.whole:
            return ""
        said = await self._spam(message, config.reject_score)
        metrics.rejected.counts[("spam",)] += bool(said)
        return said

    async def _spam(self, message: Message, limit: float) -> str:
        filter_ = self._current()
        asked = await reject.profiles_of(self._directory, message.recipients, filter_.profiles)
        octets = self._received(message) + message.octets()
        try:
            async with asyncio.timeout(filter_.config.scan_timeout_s):
                mildest = await reject.agreed(filter_.scanner, octets, sorted(asked), limit)
        except TimeoutError:
            return ""
        return f"550 5.7.1 This message is spam ({mildest.score:.1f} points)" if mildest else ""

    def _received(self, message: Message) -> bytes:
        """Envelope and client, where Postfix will write them: spamd asks SPF and blocklists."""
        name = b"unknown" if self._client.name.startswith(b"[") else self._client.name
        hostname = self._current().config.hostname.encode()
        helo, address = self._helo or b"unknown", self._client.address
        envelope = b"Return-Path: <%b>\r\n" % message.sender
        client = b"Received: from %b (%b [%b])\r\n" % (helo, name, address)
        us = b"\tby %b (Postfix) with ESMTP id 0; %b\r\n" % (hostname, formatdate().encode())
        return envelope + client + us
