"""One connection of Postfix on its way out: hears a message, and puts fields in front of it.

What fields, a session of its own says (``arc/session.py``, ``signing/session.py``). What cannot be
told now is a 451, and the message comes again or waits in the queue.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mailstack.dkim.asking import CannotTell
from mailstack.identity.body import BodyHashes, Digests
from mailstack.identity.seal import Field
from mailstack.program.milter_connection import MilterConnection
from mailstack.protocols import milter

HEADER_OCTETS: Final = 1024**2
"""A longer header gets no field."""
MAX_SIGNATURES: Final = 50
"""RFC 8617 4.2.1; of a chain that counts there are no more."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Message:
    """Header kept, body hashed."""

    needed: bytes
    """A signature's tags, by which its hash of the body is made."""
    also: bytes
    """Name of the fields whose hashes are needed, too."""
    header: list[bytes] = field(default_factory=list)
    signatures: list[bytes] = field(default_factory=list)
    room: int = HEADER_OCTETS
    hashes: BodyHashes | None = None

    def add_field(self, one: milter.HeaderField) -> None:
        if one.name.lower() == self.also and len(self.signatures) < MAX_SIGNATURES:
            self.signatures.append(one.value)
        value = one.value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self._add(b"%b:%b\r\n" % (one.name, value))

    def end_header(self) -> None:
        self._add(b"\r\n")
        self.hashes = BodyHashes([self.needed, *self.signatures])

    def _add(self, octets: bytes) -> None:
        self.room -= len(octets)
        if self.room >= 0:
            self.header.append(octets)


class HearingSession(MilterConnection):
    """Make one per connection, ``run`` it once. A class of its own says ``fields``."""

    needed: bytes
    also: bytes = b""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._message = _Message(self.needed, self.also)
        self.daemon_name = b""
        """What Postfix calls the service that took the message."""

    async def fields(self, header: bytes, digests: Digests) -> Sequence[Field]:
        """Return what stands in front of the message, the topmost field last.

        Raises:
            CannotTell: it is not known now.
        """
        raise NotImplementedError

    async def hear(self, event: milter.Event) -> None:
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
                self._forget()
            case milter.MailFrom() | milter.Abandoned():
                self._forget()
            case milter.Macros(_, values):
                self.daemon_name = values.get(b"daemon_name", self.daemon_name)
            case milter.Offer():
                self._writer.write(milter.accept(event, body=True, changes=True))
            case milter.Quit(again):
                self._forget()
                self._open, self.daemon_name = again, b""
            case _:
                pass

    def _forget(self) -> None:
        self._message = _Message(self.needed, self.also)

    async def _say(self) -> bytes:
        message = self._message
        if message.room < 0 or message.hashes is None:
            return milter.CONTINUE
        try:
            fields = await self.fields(b"".join(message.header), message.hashes.finish())
        except CannotTell as error:
            _log.warning("it has to come again: %s", error)
            return milter.refuse("451 4.7.0 It cannot be signed now, try again later")
        return b"".join(insertion(*one) for one in fields) + milter.CONTINUE


def insertion(name: bytes, value: bytes) -> bytes:
    """In front of all others; the one that is inserted last stands on top."""
    text = value.decode("ascii", "replace").strip().replace("\r\n", "\n")
    return milter.insert_field(name.decode("ascii"), text)
