"""A small authoritative name server on loopback, for what the daemons ask the DNS."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], str]
"""``("example.com.", "A")`` → the data of one record."""


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone, asked: list[str]) -> None:
        self._zone = {(dns.name.from_text(n), t): data for (n, t), data in zone.items()}
        self._names = {name for name, _ in self._zone}
        self._asked = asked
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as asyncio declares it
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - as asyncio declares it
        assert self._transport is not None
        self._transport.sendto(self._answer(dns.message.from_wire(data)).to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self._asked.append(f"{question.name} {kind}")
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        found = self._zone.get((question.name, kind))
        if found is not None:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, found))
        elif not any(name.is_subdomain(question.name) for name in self._names):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply


@asynccontextmanager
async def name_server(zone: Zone) -> AsyncIterator[tuple[int, list[str]]]:
    """Serve ``zone`` over UDP: the port, and what has been asked so far."""
    asked: list[str] = []
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Answers(zone, asked), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], asked
    finally:
        transport.close()
