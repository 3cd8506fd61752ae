"""Another mail server, to which a Postfix on stage sends."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Self

from tests.daemons.mail_stage import MailStage
from tests.daemons.postfix_peers import Delivered

REMOTE = "127.0.0.9"
"""An address that is none of Postfix's own, or mail for it would loop."""


class Sink:
    """``remote.example``'s server. It has STARTTLS, with the certificate of the stage."""

    def __init__(self, tls: Path) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(tls / "fullchain.pem", tls / "privkey.pem")
        self._messages = asyncio.Queue[Delivered]()

    @classmethod
    @asynccontextmanager
    async def on_stage(cls, stage: MailStage) -> AsyncIterator[Self]:
        """Serve, and be found in DNS."""
        sink = cls(stage.postfix.site.paths.secure / "tls")
        stage.peers.records["mx.remote.example.", "A"] = REMOTE
        async with await asyncio.start_server(sink.serve, REMOTE, 25):
            yield sink

    @property
    def empty(self) -> bool:
        return self._messages.empty()

    async def taken(self) -> Delivered:
        async with asyncio.timeout(60):
            return await self._messages.get()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, recipients = "", list[str]()
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            writer.write(b"220 mx.remote.example ESMTP\r\n")
            while words := (await reader.readuntil(b"\n")).decode().split():
                match words[0].upper():
                    case "MAIL":
                        sender, recipients = _address(words), []
                        writer.write(b"250 2.1.0 ok\r\n")
                    case "RCPT":
                        recipients.append(_address(words))
                        writer.write(b"250 2.1.5 ok\r\n")
                    case "EHLO":
                        writer.write(b"250-mx.remote.example\r\n250 STARTTLS\r\n")
                    case "STARTTLS":
                        writer.write(b"220 go on\r\n")
                        await writer.start_tls(self._tls)
                    case "DATA":
                        writer.write(b"354 go on\r\n")
                        text = (await reader.readuntil(b"\r\n.\r\n")).decode()
                        self._messages.put_nowait(Delivered(sender, tuple(recipients), text))
                        writer.write(b"250 2.0.0 taken\r\n")
                    case _:
                        writer.write(b"250 2.0.0 ok\r\n")


def _address(words: Sequence[str]) -> str:
    return words[1].partition("<")[2].partition(">")[0]
