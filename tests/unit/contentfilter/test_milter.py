"""The milter port, with a Postfix, a couchmail and a spamd that are played."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.unit.contentfilter.peers import Theatre, theatre

from mailstack.protocols import netstring

TABLES: Mapping[str, str] = {
    "senders anna@example.org": "anna@example.org",
    "senders info@example.org": "anna@example.org, bert@example.org",
    "aliases both@example.org": "bob@example.org, tolerant@example.org",
    "aliases broken@example.org": "",
}


class Couchmail:
    """The socketmap port of aliases and senders."""

    port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (question,) = netstring.Reader(4096).feed(await reader.read(4096))
        found = TABLES.get(question.decode())
        if question.endswith(b"broken@example.org"):
            writer.write(netstring.encode(b"TEMP try again later"))
        else:
            answer = f"OK {found}" if found else "NOTFOUND "
            writer.write(netstring.encode(answer.encode()))
        writer.close()


@asynccontextmanager
async def playing(spool: Path, **changes: object) -> AsyncIterator[tuple[Theatre, int]]:
    """The filter with its milter; gives the number of that port."""
    couchmail = Couchmail()
    server = await asyncio.start_server(couchmail.serve, "127.0.0.1", 0)
    aliases = ("127.0.0.1", server.sockets[0].getsockname()[1])
    ports = {"milter": ("127.0.0.1", 0), "aliases": aliases}
    async with theatre(spool, **{**ports, **changes}) as stage:
        yield stage, stage.service.ports[2]
    server.close()
    await server.wait_closed()


def packet(letter: bytes, data: bytes = b"") -> bytes:
    return (len(data) + 1).to_bytes(4) + letter + data


OFFER = packet(b"O", b"".join(n.to_bytes(4) for n in (6, 0x1FF, 0x1FFFFF)))
HELLO = packet(b"C", b"mx.example.net\x004\0\x19192.0.2.1\0") + packet(b"H", b"mx.example.net\0")


def message(
    *recipients: str, login: str = "", fields: tuple[str, ...] = (), body: str = "hello"
) -> bytes:
    """All that Postfix tells of one message."""
    macros = f"M{{auth_authen}}\0{login}\0" if login else "M"
    parts = [packet(b"D", macros.encode()), packet(b"M", b"<alice@example.net>\0")]
    parts += [packet(b"R", f"<{recipient}>\0".encode()) for recipient in recipients]
    for field in fields:
        name, _, value = field.partition(":")
        parts.append(packet(b"L", f"{name}\0{value}\0".encode()))
    parts += [packet(b"N"), packet(b"B", body.encode()), packet(b"E")]
    return b"".join(parts)


async def say(port: int, *messages: bytes) -> list[str]:
    """One connection; the answer to each message, ``go on`` where there is no objection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        writer.write(OFFER)
        await answer(reader)
        answers = []
        for one in messages:
            writer.write(HELLO + one)
            answers.append(await answer(reader))
    writer.write(packet(b"Q"))
    writer.close()
    return answers


async def answer(reader: asyncio.StreamReader) -> str:
    length = int.from_bytes(await reader.readexactly(4))
    octets = await reader.readexactly(length)
    return "go on" if octets == b"c" else octets[1:].decode("latin-1").rstrip("\0")


FROM_ANNA = ("From: Anna <anna@example.org>",)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (FROM_ANNA, "go on"),
        (("From: Info <info@example.org>",), "go on"),
        ((), "go on"),
        (("Subject: x", *FROM_ANNA), "go on"),
        (("From: boss@corp.example",), "550 5.7.1 From: <boss@corp.example> is not an address of"),
        (("From: anna@example.org, boss@corp.example",), "550 5.7.1 From: <boss@corp.example>"),
        ((*FROM_ANNA, "from: boss@corp.example"), "550 5.7.1 The message has more than one From"),
        (("From: Anna",), "550 5.7.1 Refused, the From field cannot be read"),
        (("From: broken@example.org",), "451 4.3.0 Who may send as whom cannot be told now"),
    ],
)
async def test_a_users_from_field(tmp_path: Path, fields: tuple[str, ...], expected: str) -> None:
    """Every author must be an address of the login; who cannot be asked about waits."""
    async with playing(tmp_path) as (_, port):
        said = message("x@example.net", login="Anna@example.org", fields=fields)
        (answered,) = await say(port, said)
    assert answered.startswith(expected)


async def test_other_servers_may_write_what_they_like(tmp_path: Path) -> None:
    """A message that nobody logged in for is not compared, and nothing is scanned by default."""
    async with playing(tmp_path) as (stage, port):
        foreign = message("bob@example.org", fields=("From: boss@corp.example",), body="BUY-NOW")
        assert await say(port, foreign) == ["go on"]
        assert not stage.spamd.requests


async def test_the_check_can_be_switched_off(tmp_path: Path) -> None:
    """Then a user may write what they like, too."""
    async with playing(tmp_path, check_from=False) as (_, port):
        forged = message("x@example.net", login="anna@example.org", fields=("From: b@corp.test",))
        assert await say(port, forged) == ["go on"]


@pytest.mark.parametrize(
    ("recipients", "body", "expected"),
    [
        (("bob@example.org",), "BUY-NOW", "550 5.7.1 This message is spam (9.0 points)"),
        (("bob@example.org", "carol@example.org"), "BUY-NOW", "550 5.7.1 This message is spam"),
        (("bob@example.org",), "hello", "go on"),
        (("bob@example.org", "tolerant@example.org"), "BUY-NOW", "go on"),
        (("both@example.org",), "BUY-NOW", "go on"),
        (("broken@example.org",), "BUY-NOW", "go on"),
        (("bob@example.org",), "BUY-NOW MAKE-SPAMD-DIE", "go on"),
        (("bob@example.org",), "BUY-NOW MAKE-SPAMD-HANG", "go on"),
        (("bob@example.org",), "BUY-NOW" + "x" * 2000, "go on"),
        (tuple(f"u{n}@example.org" for n in range(11)), "BUY-NOW", "go on"),
    ],
)
async def test_spam_to_everybody(
    tmp_path: Path, recipients: tuple[str, ...], body: str, expected: str
) -> None:
    """It is refused only if every recipient's own profile says so; any doubt lets it in."""
    changes = {"reject_score": 8.0, "max_scan_octets": 2000}
    async with playing(tmp_path, **changes) as (stage, port):
        (answered,) = await say(port, message(*recipients, fields=("Subject: x",), body=body))
        refused = stage.metrics.rejected.counts[("spam",)]
    assert answered.startswith(expected)
    assert refused == (expected != "go on")


async def test_below_the_limit(tmp_path: Path) -> None:
    """Spam that is not certain is taken."""
    async with playing(tmp_path, reject_score=9.5) as (_, port):
        assert await say(port, message("bob@example.org", body="BUY-NOW")) == ["go on"]


async def test_what_spamd_reads(tmp_path: Path) -> None:
    """The message as it came, with envelope and client as Postfix will write them."""
    fields = ("Subject: a\n\tb", "To:no space")
    async with playing(tmp_path, reject_score=8.0) as (stage, port):
        assert await say(port, message("bob@example.org", fields=fields)) == ["go on"]
    ((user, octets),) = stage.spamd.requests
    envelope, received, *rest = octets.split(b"\r\n")
    assert user == "bob@example.org"
    assert envelope == b"Return-Path: <alice@example.net>"
    assert received == b"Received: from mx.example.net (mx.example.net [192.0.2.1])"
    assert rest[0].startswith(b"\tby filter.test (Postfix) with ESMTP id 0; ")
    assert rest[1:] == [b"Subject: a", b"\tb", b"To:no space", b"", b"hello"]


async def test_many_messages_on_one_connection(tmp_path: Path) -> None:
    """What one message had does not stick to the next one."""
    async with playing(tmp_path, reject_score=8.0) as (_, port):
        good = message("bob@example.org", login="anna@example.org", fields=FROM_ANNA)
        spam = message("bob@example.org", body="BUY-NOW")
        abandoned = message("bob@example.org").removesuffix(packet(b"E")) + packet(b"A")
        answers = await say(port, good, spam, good, abandoned + good)
    assert answers == ["go on", "550 5.7.1 This message is spam (9.0 points)", "go on", "go on"]


@pytest.mark.parametrize("octets", [packet(b"E"), b"\xff\xff\xff\xff", packet(b"O", b"\0" * 12)])
async def test_nonsense_ends_the_connection(tmp_path: Path, octets: bytes) -> None:
    """A peer that is no Postfix is let go, and the others are served."""
    async with playing(tmp_path) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(octets)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        assert await say(port, message("bob@example.org")) == ["go on"]


async def test_the_filter_ends_with_connections_open(tmp_path: Path) -> None:
    """A Postfix that stays connected does not hold the filter up."""
    async with playing(tmp_path) as (stage, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(OFFER)
        await answer(reader)
        stage.stop.set()
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
