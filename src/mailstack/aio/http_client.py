"""One HTTP request to another service of the stack: a connection of its own, the stack's token.

Asynchronous, so that a program that waits can be told to stop. h11 does the protocol.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import h11

if TYPE_CHECKING:
    from mailstack.topology.model import Endpoint

MAX_ANSWER: Final = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Peer:
    """Where to ask, and by which right."""

    endpoint: "Endpoint"
    token: str = ""
    """Empty: what everybody may ask."""

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> tuple[int, bytes]:
        """Return the status and the whole body of the answer.

        Raises:
            OSError: no connection, or no answer in time.
            h11.ProtocolError: it is none, broke off, or is longer than ``MAX_ANSWER``.
        """
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(self.endpoint.host, self.endpoint.port)
            try:
                connection = h11.Connection(h11.CLIENT)
                writer.write(self._request(connection, method, target, body, headers or {}))
                return await _response(connection, reader)
            finally:
                writer.close()

    def _request(
        self,
        connection: h11.Connection,
        method: str,
        target: str,
        body: bytes,
        more: Mapping[str, str],
    ) -> bytes:
        headers = [
            ("Host", str(self.endpoint)),
            ("Connection", "close"),
            *more.items(),
        ]
        if self.token:
            headers.append(("Authorization", f"Bearer {self.token}"))
        if body:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        parts: list[h11.Event] = [h11.Request(method=method, target=target, headers=headers)]
        if body:
            parts.append(h11.Data(body))
        return b"".join(connection.send(part) or b"" for part in [*parts, h11.EndOfMessage()])


async def _response(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_ANSWER:
                raise h11.RemoteProtocolError(f"an answer of more than {MAX_ANSWER} octets")
        elif isinstance(event, h11.EndOfMessage):
            return status, bytes(body)
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("the connection closed before the answer was complete")
