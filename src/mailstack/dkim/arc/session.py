"""What is forwarded gets a seal: the session that says which.

What cannot be sealed at all (no key, a header that nobody can read) leaves without a seal: it is as
it came.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import dkim  # type: ignore[import-untyped] # dkimpy has no types

from mailstack.dkim.hearing import HearingSession
from mailstack.identity import arc
from mailstack.identity.body import Digests
from mailstack.identity.seal import NEEDED, Field, Sealer, seal
from mailstack.identity.signatures import Txt

FindSealer = Callable[[], Awaitable[Sealer | None]]
_log = logging.getLogger(__name__)


class SealSession(HearingSession):
    """Make one per connection, ``run`` it once."""

    needed = NEEDED
    also = b"arc-message-signature"

    def __init__(
        self,
        find_sealer: FindSealer,
        txt: Txt,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(reader, writer)
        self._find_sealer = find_sealer
        self._txt = txt

    async def fields(self, header: bytes, digests: Digests) -> Sequence[Field]:
        sealer = await self._find_sealer()
        if sealer is None:
            _log.warning("forwarded without a seal: the domain has no key")
            return []
        return await asyncio.to_thread(make, header, digests, sealer, self._txt)


def make(header: bytes, digests: Digests, sealer: Sealer, txt: Txt) -> list[Field]:
    """Verify the chain that is there, and make the next set. Blocking: it asks the DNS."""
    try:
        chain = arc.verify(header, digests, txt)
        return list(seal(header, digests, chain, sealer, int(time.time())))
    except dkim.DKIMException as error:
        _log.warning("forwarded without a seal: %s", error)
        return []
