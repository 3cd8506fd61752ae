"""Asks spamd: learn this, score this. One connection for each question, each within its time."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from mailstack.errors import ProtocolError
from mailstack.protocols.spamc import (
    PING,
    ResponseReader,
    Scored,
    Told,
    headers_request,
    tell_request,
)
from mailstack.topology.model import Endpoint

TIMEOUT_S: Final = 300.0
"""For one answer, above every ``filter.scan_timeout_s``: spamd gives up by itself before."""
PING_TIMEOUT_S: Final = 10.0
_SLACK_OCTETS: Final = 65_536
"""What spamd may add to a header."""
_READ_OCTETS: Final = 65_536

T = TypeVar("T")


class Spamd:
    """Every method raises ``OSError`` or ``ProtocolError`` when there is no answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def tell(self, message: bytes, user: str, *, spam: bool) -> Told:
        """Teach ``user``'s database."""
        request = tell_request(message, user=user.encode(), spam=spam)
        return await self._ask(request, _SLACK_OCTETS, ResponseReader.told)

    async def score(self, message: bytes, user: str) -> Scored:
        """Judge by ``user``'s rules and database."""
        request = headers_request(message, user=user.encode())
        return await self._ask(request, len(message) + _SLACK_OCTETS, ResponseReader.scored)

    async def is_there(self) -> bool:
        """Whether it answers at all."""
        try:
            return await self._ask(PING, _SLACK_OCTETS, _pong, PING_TIMEOUT_S)
        except (OSError, ProtocolError):
            return False

    async def _ask(
        self,
        request: bytes,
        max_octets: int,
        read: Callable[[ResponseReader], T | None],
        timeout_s: float = TIMEOUT_S,
    ) -> T:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(self._endpoint.host, self._endpoint.port)
            try:
                # spamd answers only once it has read all, or refuses without: never wait for both
                writer.write(request)
                return await _answer(reader, ResponseReader(max_octets), read)
            finally:
                writer.close()


async def _answer(
    reader: asyncio.StreamReader,
    response: ResponseReader,
    read: Callable[[ResponseReader], T | None],
) -> T:
    while (answer := read(response)) is None:
        data = await reader.read(_READ_OCTETS)
        if not data:
            raise ProtocolError("spamd closed the connection before its answer was complete")
        response.feed(data)
    return answer


def _pong(response: ResponseReader) -> bool | None:
    return response.pong() or None
