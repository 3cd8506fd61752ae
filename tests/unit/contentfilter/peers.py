"""A mailbox server and a spamd that do what a test says, and the filter between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mailstack.contentfilter.config import Config, Timeouts
from mailstack.contentfilter.filter import Filter
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.profiles import mailbox_of
from mailstack.contentfilter.service import Service
from mailstack.protocols import lmtp
from mailstack.protocols.lmtp_replies import Reply, reply

AT_RCPT = {
    "refused": reply(550, "5.1.1 User doesn't exist"),
    "full": reply(552, "5.2.2 Quota exceeded", "5.2.2 (mailbox for user is full)"),
    "later": reply(451, "4.3.0 Temporary internal error"),
}
"""Local part → what the mailbox server says to RCPT."""
AT_END = {
    "late-full": reply(552, "5.2.2 Quota exceeded", "5.2.2 (mailbox for user is full)"),
    "late-fail": reply(451, "4.2.0 Failed to save"),
}
"""Local part → what it says after the message; ``dies`` closes instead, ``silent`` says nothing."""


@dataclass
class Copy:
    """One message as the mailbox server received it."""

    sender: bytes
    recipients: list[str]
    message: bytes


@dataclass
class MailboxServer:
    """LMTP. ``copies`` holds what it accepted for somebody."""

    port: int = 0
    copies: list[Copy] = field(default_factory=list)
    connections: int = 0
    commands: list[lmtp.Command] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    closes_at: str = ""
    """"data": when DATA was said; "body": in the middle of a message."""
    drained: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            await _MailboxDialog(self, writer).run(reader)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def hang_up(self) -> None:
        """Close every open connection, as a restart does."""
        for writer in self.writers:
            writer.close()


class _MailboxDialog:
    def __init__(self, server: MailboxServer, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.writer = writer
        self.commands = lmtp.CommandReader()
        self.forget()

    def forget(self) -> None:
        self.copy = Copy(b"", [], b"")

    async def run(self, reader: asyncio.StreamReader) -> None:
        self.say(reply(220, "mailboxes ready"))
        while data := await reader.read(65_536):
            self.commands.feed(data)
            while (event := self.commands.next_event()) is not None:
                if not self.answer(event):
                    return
            await self.writer.drain()

    def say(self, answer: Reply) -> None:
        self.writer.write(answer.encode())

    def answer(self, event: lmtp.Event) -> bool:
        if not isinstance(event, lmtp.Body | lmtp.EndOfBody):
            self.server.commands.append(event)
        match event:
            case lmtp.Body(octets):
                self.copy.message += octets
                return self.server.closes_at != "body"
            case lmtp.EndOfBody():
                return self.end()
            case lmtp.Lhlo():
                self.say(reply(250, "mailboxes", "8BITMIME", "PIPELINING"))
            case lmtp.Mail(sender):
                self.copy.sender = sender
                self.say(reply(250, "2.1.0 OK"))
            case lmtp.Rcpt(recipient):
                self.rcpt(recipient.decode())
            case lmtp.Data():
                return self.data()
            case lmtp.Rset():
                self.forget()
                self.say(reply(250, "2.0.0 OK"))
            case _:
                self.say(reply(500, "5.5.2 What?"))
        return True

    def rcpt(self, recipient: str) -> None:
        answer = AT_RCPT.get(recipient.partition("@")[0], reply(250, "2.1.5 OK"))
        if answer.accepted:
            self.copy.recipients.append(recipient)
        self.say(answer)

    def data(self) -> bool:
        if self.server.closes_at == "data":
            return False
        if not self.copy.recipients:
            self.say(reply(503, "5.5.1 No valid recipients"))
            return True
        self.commands.begin_body()
        self.say(reply(354, "OK"))
        return True

    def end(self) -> bool:
        saved = []
        for recipient in self.copy.recipients:
            local = recipient.partition("@")[0]
            if local == "dies":
                return False
            if local == "silent":
                return True
            answer = AT_END.get(local, reply(250, f"2.0.0 <{recipient}> Saved"))
            if answer.accepted:
                saved.append(recipient)
            self.say(answer)
        if saved:
            self.server.copies.append(replace(self.copy, recipients=saved))
        self.forget()
        return True


@dataclass
class Spamd:
    """SPAMC. What it does depends on words in the message, and on the user."""

    port: int = 0
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    """User and message of each."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.at_once -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
        message = await reader.readexactly(int(fields["Content-length"]))
        self.requests.append((fields["User"], message))
        self.asked.set()
        await self.may_answer.wait()
        if b"MAKE-SPAMD-DIE" in message:
            return
        if b"MAKE-SPAMD-HANG" in message:
            await reader.read()
        if b"MAKE-SPAMD-MAD" in message:
            writer.write(b"<html>404</html>\r\n\r\n")
        else:
            writer.write(_verdict(fields["User"], message))
        await writer.drain()


def _verdict(user: str, message: bytes) -> bytes:
    spam = b"BUY-NOW" in message and not user.startswith("tolerant")
    word = b"Yes, score=9.0" if spam else b"No, score=0.1"
    flag = b"X-Spam-Flag: YES\r\n" if spam else b""
    header = b"Return-Path: <x>\r\n%sX-Spam-Status: %s\r\n\tuser=%s\r\nSubject: x\r\n\r\n" % (
        flag,
        word,
        user.encode(),
    )
    return b"SPAMD/1.1 0 EX_OK\r\nContent-length: %d\r\nSpam: %s ; %s / 5.0\r\n\r\n%s" % (
        len(header),
        b"True" if spam else b"False",
        b"9.0" if spam else b"0.1",
        header,
    )


@dataclass
class Theatre:
    """The filter and its peers."""

    service: Service
    mailboxes: MailboxServer
    spamd: Spamd
    config: Config
    metrics: FilterMetrics
    stop: asyncio.Event
    ended: "asyncio.Task[None]"
    mailbox_listener: asyncio.Server
    spamd_listener: asyncio.Server
    port: int
    http_port: int


FAST = Timeouts(idle=5, connect=2, command=2, delivery=2, shutdown=2)


@asynccontextmanager
async def theatre(spool: Path, **changes: object) -> AsyncIterator[Theatre]:
    """The filter on a free port, each mailbox with a profile of its own."""
    mailboxes, spamd = MailboxServer(), Spamd()
    servers = [await asyncio.start_server(p.serve, "127.0.0.1", 0) for p in (mailboxes, spamd)]
    mailboxes.port, spamd.port = (s.sockets[0].getsockname()[1] for s in servers)
    config = replace(
        Config(
            hostname="filter.test",
            listen=("127.0.0.1", 0),
            http=("127.0.0.1", 0),
            mailboxes=("127.0.0.1", mailboxes.port),
            spamd=("127.0.0.1", spamd.port),
            spool=spool,
            timeouts=FAST,
            scan_timeout_s=0.3,
        ),
        **changes,  # type: ignore[arg-type]
    )
    metrics = FilterMetrics()
    own = Filter(config, metrics, lambda address: mailbox_of(address, config.delimiter))
    service, stop = Service(own), asyncio.Event()
    await service.start()
    lmtp_port, http_port, *_ = service.ports
    async with asyncio.TaskGroup() as tasks:
        ended = tasks.create_task(service.run(stop))
        await service.serving.wait()
        try:
            yield Theatre(
                service,
                mailboxes,
                spamd,
                config,
                metrics,
                stop,
                ended,
                mailbox_listener=servers[0],
                spamd_listener=servers[1],
                port=lmtp_port,
                http_port=http_port,
            )
        finally:
            stop.set()
            await asyncio.wait([ended])
            spamd.may_answer.set()
            mailboxes.hang_up()
            for server in servers:
                server.close()
