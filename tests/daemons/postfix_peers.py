"""Everything Postfix talks to, as small servers whose answers a test decides.

couchmail's maps (socketmap), the content filter (LMTP), Dovecot's logins (its auth protocol,
version 1) and quota (policy protocol), Postgrey (policy protocol), and DNS. Each listens on a port
of its own choice, so only Postfix's own ports are fixed.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import dns.message
import dns.rcode
import dns.rrset

from mailstack.contentfilter.config import Config
from mailstack.contentfilter.directory import Directory
from mailstack.contentfilter.filter import Filter
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.milter import MilterSession
from mailstack.model.spamkey import SITE
from mailstack.topology.model import LOOPBACK, Endpoint

MAX_MESSAGE = 16 * 1024**2
"""Octets that a peer takes at once."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """One message as the content filter got it."""

    sender: str
    recipients: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Peers:
    """What each peer answers, and what it was asked."""

    domains: set[str] = field(default_factory=lambda: {"example.org"})
    mailboxes: set[str] = field(
        default_factory=lambda: {"alice@example.org", "bob@example.org", "postmaster@example.org"}
    )
    aliases: dict[str, str] = field(default_factory=dict)
    senders: dict[str, str] = field(
        default_factory=lambda: {"alice@example.org": "alice@example.org"}
    )
    forwarded: dict[str, str] = field(default_factory=dict)
    """Foreign senders → with what sender their mail is forwarded."""
    policies: dict[str, str] = field(default_factory=dict)
    """What is demanded of a domain's servers, as smtp_tls_policy_maps has it."""
    logins: dict[str, str] = field(default_factory=lambda: {"alice@example.org": "secret"})
    keys: dict[str, str] = field(default_factory=dict)
    """``ALGORITHM:DOMAIN`` → selector and sealed key; a domain without any has the stack's one."""
    lookups_fail: bool = False
    quota: str = "DUNNO"
    greylist: str = "DUNNO"
    policies_dead: bool = False
    delivery: str = "250 2.0.0 delivered"
    """What the content filter answers for each recipient."""
    dns_fails_for: str = ""
    """A name for which the resolver cannot tell (SERVFAIL)."""
    dns_silent_for: str = ""
    """A name for which it gives no answer at all."""
    asked: list[str] = field(default_factory=list)
    """Recipients that the greylisting policy was asked about."""
    delivered: asyncio.Queue[Delivered] = field(default_factory=asyncio.Queue)
    records: dict[tuple[str, str], str] = field(
        default_factory=lambda: {
            ("remote.example.", "MX"): "10 mx.remote.example.",
            ("mx.remote.example.", "A"): "192.0.2.25",
        }
    )
    addresses: dict[str, Endpoint] = field(default_factory=dict)

    def reset(self) -> None:
        """Answer again as at the start, and forget what came."""
        fresh = Peers(addresses=self.addresses)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    def look_up(self, name: str, key: str) -> str:
        if self.lookups_fail:
            return "TEMP told to fail"
        tables: dict[str, dict[str, str]] = {
            "domains": {d: d for d in self.domains},
            "mailboxes": {m: m for m in self.mailboxes},
            "aliases": self.aliases,
            "senders": self.senders,
            "forwarded": self.forwarded,
            "tlspolicy": self.policies,
            "tlspolicy-3.10": self.policies,
            "dkim": {f"{a}:{d}": "-" for a in ("rsa", "ed25519") for d in self.domains} | self.keys,
        }
        # of other maps nothing is known: no domain has keys of its own
        found = tables.get(name, {}).get(key)
        return "NOTFOUND " if found is None else f"OK {found}"

    async def socketmap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while length := await reader.readuntil(b":"):
            name, _, key = (await reader.readexactly(int(length[:-1]))).decode().partition(" ")
            await reader.readexactly(1)
            answer = self.look_up(name, key).encode()
            writer.write(b"%d:%s," % (len(answer), answer))

    async def domains_port(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Both protocols of couchmail's port; OpenDKIM asks by tcp_table(5)."""
        first = await reader.readexactly(1)
        if first.isdigit():
            reader._buffer[:0] = first  # type: ignore[attr-defined]
            return await self.socketmap(reader, writer)
        while line := (first + await reader.readuntil(b"\n")).decode():
            answer = self.look_up("domains", line.split()[-1])
            status = {"OK": 200, "NOTFOUND": 500, "TEMP": 400}[answer.split()[0]]
            writer.write(f"{status} said\n".encode())
            first = b""
        return None

    async def policy(
        self,
        answer: Callable[[dict[str, str]], str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while question := await reader.readuntil(b"\n\n"):
            if self.policies_dead:
                return
            pairs = dict(line.split("=", 1) for line in question.decode().strip().splitlines())
            writer.write(f"action={answer(pairs)}\n\n".encode())

    def greylisting(self, question: dict[str, str]) -> str:
        self.asked.append(question["recipient"])
        return self.greylist

    async def login(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t%s\nDONE\n"
            % (b"0" * 32)
        )
        while line := (await reader.readuntil(b"\n")).decode().rstrip("\n"):
            words = line.split("\t")
            if words[0] == "AUTH":
                writer.write(self._verdict(words).encode())

    def _verdict(self, words: list[str]) -> str:
        response = next(w.removeprefix("resp=") for w in words if w.startswith("resp="))
        _, user, password = base64.b64decode(response).decode().split("\0")
        verdict = "OK" if self.logins.get(user) == password else "FAIL"
        return f"{verdict}\t{words[1]}\tuser={user}\n"

    async def milter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The filter's own, which asks the socketmap above who may send as whom."""
        aliases = self.addresses["couchmail.aliases"]
        nowhere = (LOOPBACK, 1)
        config = Config("filter", nowhere, nowhere, nowhere, nowhere, spool=Path())
        own = Filter(config, FilterMetrics(), lambda _: SITE)
        asked = Directory((aliases.host, aliases.port))
        await MilterSession(lambda: own, asked, None, reader, writer).run()

    async def lmtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 filter LMTP\r\n")
        sender, recipients = "", list[str]()
        while line := (await reader.readuntil(b"\n")).decode().rstrip():
            match line.split(maxsplit=1)[0].upper():
                case "LHLO":
                    writer.write(
                        b"250-filter\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
                    )
                case "MAIL":
                    sender, recipients = line.split("<")[1].split(">")[0], []
                    writer.write(b"250 2.1.0 ok\r\n")
                case "RCPT":
                    recipients.append(line.split("<")[1].split(">")[0])
                    writer.write(b"250 2.1.5 ok\r\n")
                case "DATA":
                    writer.write(b"354 go on\r\n")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    writer.write(f"{self.delivery}\r\n".encode() * len(recipients))
                    self.delivered.put_nowait(
                        Delivered(sender, tuple(recipients), text.decode("utf-8", "replace"))
                    )
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    return
                case _:
                    writer.write(b"250 ok\r\n")

    def dns_reply(self, data: bytes) -> bytes:
        """Answer from ``records``; a name that has none at all does not exist. Maybe nothing."""
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        if name == self.dns_silent_for:
            return b""
        if name == self.dns_fails_for:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.records:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, self.records[name, kind]))
        elif not any(known == name for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()


class _Dns(asyncio.DatagramProtocol):
    def __init__(self, peers: Peers) -> None:
        self.peers = peers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if reply := self.peers.dns_reply(data):
            self.transport.sendto(reply, addr)


@asynccontextmanager
async def peers(resolver: str) -> AsyncIterator[Peers]:
    """Run them all; DNS at ``resolver``, port 53."""
    them = Peers()
    async with AsyncExitStack() as stack:
        for address, serve in _servers(them).items():
            server = await stack.enter_async_context(
                await asyncio.start_server(_quietly(serve), LOOPBACK, 0, limit=MAX_MESSAGE)
            )
            them.addresses[address] = Endpoint(LOOPBACK, server.sockets[0].getsockname()[1])
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Dns(them), local_addr=(resolver, 53)
        )
        stack.callback(transport.close)
        yield them


def _servers(them: Peers) -> dict[str, Serve]:
    return {
        "couchmail.domains": them.domains_port,
        "couchmail.mailboxes": them.socketmap,
        "couchmail.aliases": them.socketmap,
        "tlspolicy.policy": them.socketmap,
        "contentfilter.lmtp": them.lmtp,
        "contentfilter.milter": them.milter,
        "dovecot.sasl": them.login,
        "dovecot.quota": lambda r, w: them.policy(lambda _: them.quota, r, w),
        "postgrey.policy": lambda r, w: them.policy(them.greylisting, r, w),
    }


def _quietly(serve: Serve) -> Serve:
    """End a session when the other side goes away."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return session
