"""Real Postfix tells a collector how deliveries to other servers went, if it is one that can."""

import asyncio
import json
import os
import socket
import ssl
from contextlib import closing, suppress
from pathlib import Path

from tests.daemons.mail_stage import MailStage, mail_stage, settings

from mailstack.daemons.accounts import account
from mailstack.daemons.postfix import DAEMON
from mailstack.daemons.postfix.spool import OWNER
from mailstack.daemons.postfix.tls import REPORT_SOCKET, REPORTS_FROM

REMOTE = "127.0.0.9"
LETTER = "From: alice@example.org\nTo: dave@remote.example\nSubject: told\n\nhello\n"


class Sink:
    """A mail server with STARTTLS that takes one message."""

    def __init__(self, tls: Path) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(tls / "fullchain.pem", tls / "privkey.pem")
        self._messages = asyncio.Queue[bytes]()

    async def taken(self) -> bytes:
        async with asyncio.timeout(60):
            return await self._messages.get()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            writer.write(b"220 mx.remote.example ESMTP\r\n")
            while word := (await reader.readuntil(b"\n")).split()[0].upper():
                match word:
                    case b"EHLO":
                        writer.write(b"250-mx.remote.example\r\n250 STARTTLS\r\n")
                    case b"STARTTLS":
                        writer.write(b"220 go on\r\n")
                        await writer.start_tls(self._tls)
                    case b"DATA":
                        writer.write(b"354 go on\r\n")
                        self._messages.put_nowait(await reader.readuntil(b"\r\n.\r\n"))
                        writer.write(b"250 2.0.0 taken\r\n")
                    case _:
                        writer.write(b"250 2.0.0 ok\r\n")


async def test_a_delivery_is_told() -> None:
    """From 3.10 on a datagram names the domain; an older one delivers, and tells nobody."""
    chosen = settings(tls_policy={"report": True, "mta_sts": False}, dns={"dnssec": False})
    async with mail_stage(chosen) as stage:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            _listen(collector, stage)
            stage.peers.records["mx.remote.example.", "A"] = REMOTE
            stage.peers.records["_smtp._tls.remote.example.", "TXT"] = (
                '"v=TLSRPTv1; rua=mailto:reports@remote.example"'
            )
            sink = Sink(stage.postfix.site.paths.secure / "tls")
            server = await asyncio.start_server(sink.serve, REMOTE, 25)
            async with server:
                await stage.as_script("alice@example.org", "dave@remote.example", LETTER)
                assert b"Subject: told" in await sink.taken()
                if DAEMON.version() >= REPORTS_FROM:
                    told = json.loads(await asyncio.to_thread(collector.recv, 65_536))
                    assert told["d"] == "remote.example"


def _listen(collector: socket.socket, stage: MailStage) -> None:
    path = stage.postfix.site.paths.data / "spool" / REPORT_SOCKET
    collector.bind(str(path))
    collector.settimeout(60)
    owner = account(OWNER)
    os.chown(path, owner.uid, owner.gid)
