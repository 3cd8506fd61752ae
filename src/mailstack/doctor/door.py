"""Port 25 as the world finds it: at a public address where that leads here, else from within.

What is asked from within may be answered otherwise than to strangers, since it comes from an
address of the stack; so whoever asks says which it was.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from mailstack.aio.dialog import Dialog, connect
from mailstack.doctor.context import Context
from mailstack.topology.model import Endpoint

GREETING_S: Final = 20.0
"""postscreen lets strangers wait for six."""
_REACH_S: Final = 3.0
"""For a connection to an address of our own."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where to knock."""

    at: Endpoint
    public: bool
    """Whether it is where other servers knock."""
    introduction: str = ""
    """What a load balancer would say first (PROXY protocol)."""

    def __str__(self) -> str:
        return f"{self.at} {'as a stranger' if self.public else 'from within'}"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Dialog, str]]:
        """Connect, and read the greeting.

        Raises:
            OSError: nobody is there, or says nothing in time.
        """
        async with connect(self.at, timeout_s=GREETING_S) as dialog:
            if self.introduction:
                await dialog.send(self.introduction)
            yield dialog, await dialog.reply()


async def door(context: Context) -> Door:
    """Find the one that is most like what others use."""
    for at in context.outside("postfix", "smtp"):
        if await _leads_here(at, context.settings.hostname):
            return Door(at, public=True)
    introduction = context.introduction("postfix", "smtp")
    return Door(context.port("postfix", "smtp"), public=False, introduction=introduction)


async def _leads_here(at: Endpoint, hostname: str) -> bool:
    """Whether who answers is this server: behind NAT it may be nobody, or a router."""
    try:
        async with asyncio.timeout(_REACH_S):
            async with connect(at, timeout_s=_REACH_S):
                pass
        async with asyncio.timeout(GREETING_S), Door(at, public=True).opened() as (dialog, said):
            await dialog.send("QUIT")
    except OSError:
        return False
    return said.startswith("220") and hostname in said
