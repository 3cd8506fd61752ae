"""Begin a milter session as Postfix does, and leave politely."""

import asyncio
import struct

from mailstack.aio.dialog import Dialog, connect
from mailstack.daemons.contract import ProbeFailed
from mailstack.daemons.opendkim.milter import (
    MAX_PACKET,
    QUIT,
    is_negotiation,
    negotiation,
    packet,
)
from mailstack.topology.model import LOOPBACK, Endpoint

TIMEOUT_S = 5.0


async def probe(listening: Endpoint) -> None:
    """Raise ProbeFailed unless the filter that listens there answers the option negotiation."""
    host = LOOPBACK if listening.host == "all" else listening.host
    try:
        async with connect(Endpoint(host, listening.port), timeout_s=TIMEOUT_S) as dialog:
            await dialog.send_raw(negotiation())
            body = await _read(dialog)
            await dialog.send_raw(packet(QUIT))
    except OSError as error:
        raise ProbeFailed(f"milter at {listening}: {error!r}") from error
    if not is_negotiation(body):
        raise ProbeFailed(f"milter at {listening} answered {body!r} to a negotiation")


async def _read(dialog: Dialog) -> bytes:
    async with asyncio.timeout(TIMEOUT_S):
        try:
            (length,) = struct.unpack(">I", await dialog.reader.readexactly(4))
            if length > MAX_PACKET:
                raise ConnectionError(f"a milter packet of {length} octets")
            return await dialog.reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(f"closed after {error.partial!r}") from error
