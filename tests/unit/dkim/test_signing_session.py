"""What the milter that signs with Ed25519 hears and says, with Postfix and couchmail played."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import dkim  # type: ignore[import-untyped]
import pytest
from tests.unit.contentfilter.test_milter import HELLO, OFFER, packet
from tests.unit.dkim.test_arc_session import answer, answers

from mailstack.dkim.keys import make
from mailstack.dkim.signing.config import Config
from mailstack.dkim.signing.session import SigningSession
from mailstack.model.dkim import DkimKey, record_name
from mailstack.topology.model import LOOPBACK, Endpoint

MASTER = b"m" * 32
DOMAIN = "example.org"
FROM = ("From", " Alice <alice@Example.ORG>")
BODY = b"hello  there \r\n\r\n"
CONTINUE = (b"c", b"")
USERS = packet(b"D", b"C{daemon_name}\0ORIGINATING\0")


def key(domain: str = DOMAIN) -> DkimKey:
    now = datetime.now(UTC)
    return make(MASTER, domain, "ed25519", prefix="s", taken=(), now=now, state="signing")


@asynccontextmanager
async def postfix(
    said: str, master: bytes | None = MASTER
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, past the negotiation; ``said`` is couchmail's answer."""
    ended: list[asyncio.Task[None]] = []

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b",")
        writer.write(b"%d:%s," % (len(said), said.encode()))
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = SigningSession(config, master, reader, writer)
        ended.append(asyncio.create_task(session.run()))

    couchmail = await asyncio.start_server(tell, LOOPBACK, 0)
    port = couchmail.sockets[0].getsockname()[1]
    config = Config(Endpoint(LOOPBACK, port), Path("/"), "ORIGINATING", 0, 0)
    server = await asyncio.start_server(serve, LOOPBACK, 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    async with asyncio.timeout(60):
        writer.write(OFFER)
        assert (await answer(reader))[0] == b"O"
        yield reader, writer
        writer.close()
        await asyncio.gather(*ended)
    server.close()
    couchmail.close()


def message(*fields: tuple[str, str], who: bytes = USERS) -> bytes:
    parts = [who, HELLO, packet(b"M", b"<alice@example.org>\0")]
    parts += [packet(b"L", f"{name}\0{value}\0".encode()) for name, value in fields]
    return b"".join([*parts, packet(b"N"), packet(b"B", BODY), packet(b"E")])


async def test_a_signature_that_verifies() -> None:
    """By another library's rules; a second message on the connection has its own."""
    own = key()
    records = {f"{record_name(own.selector, DOMAIN)}.".encode(): own.record.encode()}
    fields = (FROM, ("Subject", " folded\n\tonce"))
    async with postfix(f"OK {own.selector} {own.private}") as (reader, writer):
        for _ in range(2):
            writer.write(message(*fields))
            inserted, last = await answers(reader)
            assert last == CONTINUE
            name, value = inserted[1][4:].rstrip(b"\0").split(b"\0")
            lines = [name + b":" + value, *(f"{n}:{v}".encode() for n, v in fields)]
            whole = b"\n".join(lines).replace(b"\n", b"\r\n") + b"\r\n\r\n" + BODY
            found = dkim.DKIM(whole)
            assert found.verify(dnsfunc=lambda name, timeout=5: records.get(name, b""))  # noqa: ARG005
            assert found.signature_fields[b"a"] == b"ed25519-sha256"
            assert bytes(found.signature_fields[b"h"]).count(b"from") == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ((FROM,), "OK -"),
        ((FROM,), "NOTFOUND "),
        ((FROM, FROM), "OK {key}"),
        ((("Subject", " from nobody"),), "OK {key}"),
        ((("From", " a@example.org, b@other.example"),), "OK {key}"),
        ((("From", f" a@{'d' * 60}.example"),), "OK {key}"),
        ((FROM, ("Bad\u00fcName", " x")), "OK {key}"),
        ((FROM,), "OK sel 1:AAAA"),
    ],
)
async def test_none(fields: tuple[tuple[str, str], ...], said: str) -> None:
    """No key, no one author, or none that can be used: the message leaves as it came."""
    own = key()
    async with postfix(said.format(key=f"{own.selector} {own.private}")) as (reader, writer):
        writer.write(message(*fields))
        assert await answers(reader) == [CONTINUE]


async def test_a_key_of_another_master(caplog: pytest.LogCaptureFixture) -> None:
    """It holds nothing up, and is told."""
    own = key()
    for master in (b"x" * 32, None):
        async with postfix(f"OK {own.selector} {own.private}", master) as (reader, writer):
            writer.write(message(FROM))
            assert await answers(reader) == [CONTINUE]
    assert caplog.text.count("the ed25519 key of example.org cannot be used: ") == 2


async def test_others_get_none() -> None:
    """Postfix names the service that took a message; only that of users is signed for."""
    own = key()
    async with postfix(f"OK {own.selector} {own.private}") as (reader, writer):
        verifying = packet(b"D", b"C{daemon_name}\0VERIFYING\0")
        for who in (verifying, b""):
            writer.write(message(FROM, who=who))
            assert await answers(reader) == [CONTINUE]


async def test_an_outage_has_it_come_again() -> None:
    """Nothing leaves without a signature because couchmail was away."""
    async with postfix("TEMP told to fail") as (reader, writer):
        writer.write(message(FROM))
        ((letter, text),) = await answers(reader)
        assert (letter, text[:9]) == (b"y", b"451 4.7.0")
