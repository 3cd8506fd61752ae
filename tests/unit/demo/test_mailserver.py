"""Outside mail servers: they keep what they accept, with its DKIM verdict."""

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mailstack.demo import letter, mailserver
from mailstack.demo.keys import SigningKey, self_signed
from mailstack.demo.mailserver import Ledger
from mailstack.demo.records import FRIEND, SELECTOR, mail_domain
from mailstack.demo.zone import Zone
from mailstack.topology.model import LOOPBACK, Endpoint

KEY = SigningKey.generate()
SENDER, RECIPIENT = f"bob@{FRIEND}", "ann@other.example"


@pytest.fixture
def ledger() -> Ledger:
    zone = Zone()
    zone.update(mail_domain(FRIEND, "198.18.1.10", KEY.public))
    return Ledger(zone.txt)


@pytest.fixture
async def server(ledger: Ledger, tmp_path: Path) -> AsyncIterator[Endpoint]:
    file = tmp_path / "tls.pem"
    file.write_bytes(self_signed("mail.other.example"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    at = Endpoint(LOOPBACK, 0)
    async with mailserver.serving("mail.other.example", at, ledger, tls) as here:
        yield here


def _send(at: Endpoint, octets: bytes, recipient: str = RECIPIENT, *, tls: bool = False) -> None:
    with smtplib.SMTP(at.host, at.port, local_hostname=f"mail.{FRIEND}") as session:
        if tls:
            session.starttls()
        session.sendmail(SENDER, [recipient], octets)


async def test_a_message_is_kept_as_it_came(server: Endpoint, ledger: Ledger) -> None:
    """Envelope, client, TLS and every octet are what a test looks at."""
    octets = letter.write(SENDER, RECIPIENT, "kept")
    await asyncio.to_thread(_send, server, octets, tls=True)
    [received] = await ledger.wait_for({"recipient": RECIPIENT}, timeout_s=5)
    assert (received.sender, received.recipients) == (SENDER, [RECIPIENT])
    assert (received.client, received.helo) == (LOOPBACK, f"mail.{FRIEND}")
    assert received.tls.startswith("TLSv1.")
    assert received.octets == octets
    assert received.signatures == []


def _as_written(octets: bytes) -> bytes:
    return octets


def _changed(octets: bytes) -> bytes:
    return octets.replace(b"boat house", b"bank vault")


@pytest.mark.parametrize(("on_the_way", "verified"), [(_as_written, True), (_changed, False)])
async def test_a_signature_is_verified(
    server: Endpoint, ledger: Ledger, on_the_way: Callable[[bytes], bytes], *, verified: bool
) -> None:
    """What was changed on its way does not verify (RFC 6376 6.1.3)."""
    signed = letter.sign(letter.write(SENDER, RECIPIENT, "signed"), KEY, FRIEND)
    await asyncio.to_thread(_send, server, on_the_way(signed))
    [received] = await ledger.wait_for({"subject": "signed"}, timeout_s=5)
    [signature] = received.signatures
    assert (signature.domain, signature.selector) == (FRIEND, SELECTOR)
    assert signature.verified is verified


async def test_a_recipient_can_be_refused(server: Endpoint, ledger: Ledger) -> None:
    """Tests of bounces and queues need an outside that does not take everything."""
    ledger.refusals["full@other.example"] = "452 4.2.2 mailbox full"
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="mailbox full"):
        await asyncio.to_thread(_send, server, b"Subject: x\r\n\r\n", "full@other.example")
    ledger.refusals["full@other.example"] = ""
    await asyncio.to_thread(_send, server, b"Subject: y\r\n\r\n", "full@other.example")
    assert await ledger.wait_for({"subject": "y"}, timeout_s=5)


async def test_waiting_ends(ledger: Ledger) -> None:
    """Nothing in time is an empty list."""
    assert await ledger.wait_for({"recipient": RECIPIENT}, timeout_s=0.01) == []
