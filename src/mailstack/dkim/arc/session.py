"""One connection of Postfix on its way out: hears a message, and puts a seal in front of it.

What cannot be told now is a 451, and the message waits in the queue. What cannot be sealed at all
(no key, a header that nobody can read) leaves without a seal: it is as it came.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import dkim  # type: ignore[import-untyped] # dkimpy has no types

from mailstack.dkim.arc.keys import CannotTell
from mailstack.errors import ProtocolError
from mailstack.identity import arc
from mailstack.identity.body import BodyHashes, Digests
from mailstack.identity.seal import NEEDED, Field, Sealer, seal
from mailstack.identity.signatures import Txt
from mailstack.protocols import milter

IDLE_S: Final = 3600.0
"""Postfix keeps a connection as long as its client stays."""
READ_OCTETS: Final = 131_072
HEADER_OCTETS: Final = 1024**2
"""A longer header gets no seal."""
MAX_SIGNATURES: Final = 50
"""RFC 8617 4.2.1; of a chain that counts there are no more."""

FindSealer = Callable[[], Awaitable[Sealer | None]]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Message:
    """Header kept, body hashed."""

    header: list[bytes] = field(default_factory=list)
    signatures: list[bytes] = field(default_factory=list)
    room: int = HEADER_OCTETS
    hashes: BodyHashes | None = None

    def add_field(self, one: milter.HeaderField) -> None:
        if one.name.lower() == b"arc-message-signature" and len(self.signatures) < MAX_SIGNATURES:
            self.signatures.append(one.value)
        value = one.value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self._add(b"%b:%b\r\n" % (one.name, value))

    def end_header(self) -> None:
        self._add(b"\r\n")
        self.hashes = BodyHashes([NEEDED, *self.signatures])

    def _add(self, octets: bytes) -> None:
        self.room -= len(octets)
        if self.room >= 0:
            self.header.append(octets)


class SealSession:
    """Make one per connection, ``run`` it once."""

    def __init__(
        self,
        find_sealer: FindSealer,
        txt: Txt,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._find_sealer = find_sealer
        self._txt = txt
        self._reader = reader
        self._writer = writer
        self._message = _Message()
        self._open = True

    async def run(self) -> None:
        """Until Postfix leaves."""
        events = milter.Reader()
        try:
            while self._open:
                async with asyncio.timeout(IDLE_S):
                    data = await self._reader.read(READ_OCTETS)
                if not data:
                    return
                for event in events.feed(data):
                    await self._hear(event)
        except (OSError, ProtocolError) as error:
            _log.warning("sealing connection: %s", error)
        finally:
            self._writer.close()

    async def _hear(self, event: milter.Event) -> None:
        match event:
            case milter.BodyPiece(octets):
                if self._message.hashes is None:
                    raise milter.BadPacket("a body before the header's end")
                self._message.hashes.feed(octets)
            case milter.HeaderField():
                self._message.add_field(event)
            case milter.EndOfHeader():
                self._message.end_header()
            case milter.EndOfMessage():
                self._writer.write(await self._say())
                self._message = _Message()
            case milter.MailFrom() | milter.Abandoned():
                self._message = _Message()
            case milter.Offer():
                self._writer.write(milter.accept(event, body=True, changes=True))
            case milter.Quit(again):
                self._message, self._open = _Message(), again
            case _:
                pass

    async def _say(self) -> bytes:
        message = self._message
        if message.room < 0 or message.hashes is None:
            return milter.CONTINUE
        try:
            sealer = await self._find_sealer()
            if sealer is None:
                _log.warning("forwarded without a seal: the domain has no key")
                return milter.CONTINUE
            heard = b"".join(message.header), message.hashes.finish()
            fields = await asyncio.to_thread(make, *heard, sealer, self._txt)
        except CannotTell as error:
            _log.warning("not forwarded now: %s", error)
            return milter.refuse("451 4.7.0 It cannot be sealed now, try again later")
        return b"".join(insertion(*one) for one in fields) + milter.CONTINUE


def make(header: bytes, digests: Digests, sealer: Sealer, txt: Txt) -> list[Field]:
    """Verify the chain that is there, and make the next set. Blocking: it asks the DNS."""
    try:
        chain = arc.verify(header, digests, txt)
        return list(seal(header, digests, chain, sealer, int(time.time())))
    except dkim.DKIMException as error:
        _log.warning("forwarded without a seal: %s", error)
        return []


def insertion(name: bytes, value: bytes) -> bytes:
    """In front of all others; the one that is inserted last stands on top."""
    text = value.decode("ascii", "replace").strip().replace("\r\n", "\n")
    return milter.insert_field(name.decode("ascii"), text)
