"""Get a domain's policy over HTTPS, by the addresses that our resolver knows (RFC 8461 3.3).

The certificate must be valid for ``mta-sts.DOMAIN``; redirects are not followed, and nothing else
than status 200 is a policy.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import h11

from mailstack.dns.ask import ask
from mailstack.errors import ProtocolError
from mailstack.model.domains import DomainName
from mailstack.outcome import Found
from mailstack.protocols.mta_sts import MAX_OCTETS
from mailstack.topology.model import Endpoint

TIMEOUT_S: Final = 20.0
"""For one policy, connecting included. RFC 8461 3.3 suggests a minute; a letter waits meanwhile."""
MAX_ADDRESSES: Final = 4
PATH: Final = "/.well-known/mta-sts.txt"


class NoPolicy(ProtocolError):
    """The policy cannot be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """``fetch`` policies."""

    resolver: Endpoint
    tls: ssl.SSLContext
    port: int
    """Of HTTPS."""

    async def fetch(self, domain: DomainName) -> bytes:
        """Return the policy's text as it came.

        Raises:
            NoPolicy: nobody answers, the certificate is another's, or it is none.
        """
        host = f"mta-sts.{domain}"
        reason = "it has no address"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                for address in await self._addresses(host):
                    try:
                        return await self._get(address, host)
                    except (OSError, h11.ProtocolError) as error:  # ssl.SSLError is an OSError
                        reason = str(error) or type(error).__name__
        except TimeoutError:
            reason = "no answer in time"
        raise NoPolicy(f"{host}: {reason}")

    async def _addresses(self, host: str) -> Sequence[str]:
        found: list[str] = []
        for kind in ("A", "AAAA"):
            answer = await ask(self.resolver, host, kind, recursive=True)
            if isinstance(answer, Found):
                found += answer.value.data
        return found[:MAX_ADDRESSES]

    async def _get(self, address: str, host: str) -> bytes:
        reader, writer = await asyncio.open_connection(
            address, self.port, ssl=self.tls, server_hostname=host
        )
        try:
            connection = h11.Connection(h11.CLIENT)
            headers = [("Host", host), ("Connection", "close")]
            request = h11.Request(method="GET", target=PATH, headers=headers)
            for event in (request, h11.EndOfMessage()):
                writer.write(connection.send(event) or b"")
            return await _body(connection, reader)
        finally:
            writer.close()


async def _body(connection: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    """Read one answer, whole.

    Raises:
        h11.RemoteProtocolError: it is none, too long, or not the policy.
    """
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(16_384))
        elif isinstance(event, h11.Response):
            _check(event)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_OCTETS:
                raise h11.RemoteProtocolError(f"more than {MAX_OCTETS} octets")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("the connection closed before the answer was complete")


def _check(response: h11.Response) -> None:
    if response.status_code != 200:  # noqa: PLR2004 - redirects must not be followed
        raise h11.RemoteProtocolError(f"HTTP status {response.status_code}")
    kind = dict(response.headers).get(b"content-type", b"")
    if kind.partition(b";")[0].strip().lower() != b"text/plain":
        raise h11.RemoteProtocolError(f"it is {kind[:60]!r}, not text/plain")
