"""A message while it arrives: forged fields taken out, its size bounded, kept in a spool."""

from typing import Final

from mailstack.contentfilter.config import Config
from mailstack.contentfilter.forged import ForgedFields
from mailstack.contentfilter.spool import Spool
from mailstack.protocols.lmtp_replies import Reply, reply

TOO_LARGE: Final = reply(552, "5.3.4 The message is too large")
NO_SPACE: Final = reply(452, "4.3.1 Out of space for messages, try again later")


class Reception:
    """Make one per message; ``close`` it. After a refusal the rest is read and thrown away."""

    def __init__(self, config: Config) -> None:
        self.message = Spool(config.spool, config.memory_octets)
        self.refusal: Reply | None = None
        self._max_octets = config.max_message_octets
        self._forged = ForgedFields() if config.enabled else None

    async def add(self, octets: bytes) -> None:
        """Take the next piece."""
        if self._forged is not None:
            octets = self._forged.feed(octets)
        await self._keep(octets)

    async def finish(self) -> None:
        """The message is complete."""
        if self._forged is not None:
            await self._keep(self._forged.finish())

    async def _keep(self, octets: bytes) -> None:
        if self.refusal is None:
            self.refusal = await self._refusal(octets)
            if self.refusal is not None:
                self.message.close()

    async def _refusal(self, octets: bytes) -> Reply | None:
        if self.message.octets + len(octets) > self._max_octets:
            return TOO_LARGE
        try:
            await self.message.append(octets)
        except OSError:
            return NO_SPACE
        return None

    def close(self) -> None:
        self.message.close()
