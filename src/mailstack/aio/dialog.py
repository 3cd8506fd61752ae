"""A line dialog with a peer, every step bounded in time and size. For probes and small clients."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mailstack.topology.model import Endpoint

MAX_LINE = 65_536
"""Octets of one line read from a peer; more breaks off the dialog."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """One open connection. Every call raises ``OSError`` (``TimeoutError`` included) on failure."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    timeout_s: float

    async def line(self) -> str:
        """Read one line, without its end; an end of file in its middle raises ``OSError``."""
        try:
            async with asyncio.timeout(self.timeout_s):
                raw = await self.reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(f"closed after {error.partial!r}") from error
        except asyncio.LimitOverrunError as error:
            raise ConnectionError(f"a line longer than {MAX_LINE} octets") from error
        return raw.decode("utf-8", "replace").rstrip("\r\n")

    async def send(self, text: str) -> None:
        """Send ``text`` and CRLF."""
        await self.send_raw(text.encode() + b"\r\n")

    async def send_raw(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(self.timeout_s):
            await self.writer.drain()

    async def reply(self) -> str:
        """Read an SMTP reply with all its lines (RFC 5321 4.2.1), joined by newlines."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return "\n".join(lines)

    async def ask(self, command: str) -> str:
        """Send an SMTP command, return the reply."""
        await self.send(command)
        return await self.reply()


@asynccontextmanager
async def connect(
    peer: Endpoint | Path, *, timeout_s: float = 5.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Dialog]:
    """Connect by TCP, or to a unix socket, and close whatever happens.

    Raises:
        OSError: no connection within ``timeout_s``.
    """
    async with asyncio.timeout(timeout_s):
        if isinstance(peer, Path):
            reader, writer = await asyncio.open_unix_connection(peer, limit=MAX_LINE)
        else:
            reader, writer = await asyncio.open_connection(
                peer.host, peer.port, limit=MAX_LINE, ssl=tls
            )
    try:
        yield Dialog(reader, writer, timeout_s)
    finally:
        writer.close()
