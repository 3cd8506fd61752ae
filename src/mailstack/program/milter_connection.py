"""One connection of a milter: reads events until Postfix leaves, and hands each to who says.

What an event means, a class of its own says, in ``hear``. A fault of the peer ends the connection.
"""

import asyncio
import logging
from typing import Final

from mailstack.errors import ProtocolError
from mailstack.protocols import milter

IDLE_S: Final = 3600.0
"""Postfix keeps a connection as long as its client stays, who may be silent for 300 s at a time."""
READ_OCTETS: Final = 131_072

_log = logging.getLogger(__name__)


class MilterConnection:
    """Make one per connection, ``run`` it once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._open = True
        """Cleared when Postfix has said that it leaves."""

    async def hear(self, event: milter.Event) -> None:
        """Take one event, and write what it asks for.

        Raises:
            OSError: the connection is closed.
            ProtocolError: it cannot come now.
        """
        raise NotImplementedError

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
                    await self.hear(event)
        except (OSError, ProtocolError) as error:
            _log.warning("milter connection: %s", error)
        finally:
            self._writer.close()
