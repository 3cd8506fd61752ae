"""An outside mail server: accepts what it is sent, checks DKIM, and remembers it.

One of these serves each outside domain. A test may have it refuse a recipient, to see what a
bounce or a queue does.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailstack.demo.received import Received, TxtLookup, signatures_of
from mailstack.topology.model import Endpoint

_MAX_OCTETS = 64 * 1024**2
_MAX_KEPT = 10_000
"""Messages remembered; a benchmark sends this many and more."""


@dataclass
class Ledger:
    """Every message the outside accepted, in order, and a way to wait for the next."""

    lookup: TxtLookup
    messages: list[Received] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    """Recipient → the SMTP reply it gets instead of 250."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def add(self, received: Received) -> None:
        async with self.changed:
            self.messages.append(received)
            del self.messages[:-_MAX_KEPT]
            self.changed.notify_all()

    async def wait_for(self, wanted: Mapping[str, str], *, timeout_s: float) -> list[Received]:
        """Return the messages that match, as soon as there is one; none after ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s), self.changed:
                await self.changed.wait_for(lambda: self.matching(wanted))
        except TimeoutError:
            return []
        return self.matching(wanted)

    def matching(self, wanted: Mapping[str, str]) -> list[Received]:
        """Select by ``recipient``, ``sender`` and ``subject``; what is not given matches all."""
        return [
            received
            for received in self.messages
            if wanted.get("recipient", "") in ("", *received.recipients)
            and wanted.get("sender") in (None, received.sender)
            and wanted.get("subject") in (None, received.message["Subject"])
        ]


class _Handler:
    """The hooks of aiosmtpd; their names are its own."""

    def __init__(self, server: str, ledger: Ledger) -> None:
        self._server = server
        self._ledger = ledger

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        if refusal := self._ledger.refusals.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        octets = envelope.original_content or b""
        received = Received(
            server=self._server,
            client=session.peer[0] if session.peer else "",
            helo=session.host_name or "",
            tls=_tls_version(server),
            sender=envelope.mail_from or "",
            recipients=envelope.rcpt_tos,
            text=octets.decode("latin-1"),
            signatures=signatures_of(octets, self._ledger.lookup),
        )
        await self._ledger.add(received)
        return "250 2.0.0 Ok: kept"


@asynccontextmanager
async def serving(
    hostname: str, at: Endpoint, ledger: Ledger, tls: ssl.SSLContext
) -> AsyncIterator[Endpoint]:
    """Accept mail until the end of the block; yields the real address (port 0 takes a free one)."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(
            _Handler(hostname, ledger),
            hostname=hostname,
            ident="ESMTP",
            data_size_limit=_MAX_OCTETS,
            enable_SMTPUTF8=True,
            tls_context=tls,
            loop=loop,
        ),
        at.host,
        at.port,
    )
    async with server:
        yield Endpoint(at.host, server.sockets[0].getsockname()[1])


def _tls_version(server: SMTP) -> str:
    transport = server.transport
    channel = transport.get_extra_info("ssl_object") if transport else None
    return str(channel.version()) if channel else ""
