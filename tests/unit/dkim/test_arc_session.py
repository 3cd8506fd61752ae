"""What the sealing milter hears and says, with a Postfix that is played."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.arc import verdict
from tests.unit.contentfilter.test_milter import HELLO, OFFER, packet

from mailstack.demo.keys import SigningKey
from mailstack.dkim.arc.session import SealSession
from mailstack.dkim.asking import CannotTell
from mailstack.dkim.hearing import HEADER_OCTETS
from mailstack.identity.seal import Sealer

KEY = SigningKey.generate()
SEALER = Sealer("mail.home.example", "home.example", "s", KEY.private_pem)
RECORDS = {"s._domainkey.home.example": f"v=DKIM1; k=rsa; p={KEY.public}"}
CONTINUE = (b"c", b"")
HEADER = (("From", " bob@a.example"), ("Subject", " folded\n\tonce"))


async def found() -> Sealer | None:
    return SEALER


async def none() -> Sealer | None:
    return None


async def untold() -> Sealer | None:
    raise CannotTell("nobody says which key seals")


@asynccontextmanager
async def postfix(
    find: "object" = found,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, past the negotiation."""
    ended: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = SealSession(find, lambda _: None, reader, writer)  # type: ignore[arg-type]
        ended.append(asyncio.create_task(session.run()))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    async with asyncio.timeout(60):
        writer.write(OFFER)
        assert (await answer(reader))[0] == b"O"
        yield reader, writer
        writer.close()
        await asyncio.gather(*ended)
    server.close()


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    octets = await reader.readexactly(int.from_bytes(await reader.readexactly(4)))
    return octets[:1], octets[1:]


async def answers(reader: asyncio.StreamReader) -> list[tuple[bytes, bytes]]:
    """Up to the final one."""
    said = [await answer(reader)]
    while said[-1][0] == b"i":
        said.append(await answer(reader))
    return said


def message(*fields: tuple[str, str], pieces: tuple[bytes, ...] = (b"hello\r\n",)) -> bytes:
    parts = [HELLO, packet(b"M", b"<bob@a.example>\0")]
    parts += [packet(b"L", f"{name}\0{value}\0".encode()) for name, value in fields or HEADER]
    return b"".join([*parts, packet(b"N"), *(packet(b"B", one) for one in pieces), packet(b"E")])


def put_together(said: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """The message with what was inserted, as Postfix queues it."""
    lines = [f"{name}:{value}".encode() for name, value in HEADER]
    for _, data in said[:-1]:
        name, value = data[4:].rstrip(b"\0").split(b"\0")
        lines.insert(0, name + b":" + value)
    header = b"\n".join(lines).replace(b"\n", b"\r\n")
    return header + b"\r\n\r\n" + body


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_three_fields(size: int) -> None:
    """The message is sealed, however its body comes."""
    body = b"hello  there \r\n\r\nbye\r\n\r\n"
    pieces = tuple(body[n : n + size] for n in range(0, len(body), size))
    async with postfix() as (reader, writer):
        for _ in range(2):  # one message leaves nothing for the next one
            writer.write(message(pieces=pieces))
            said = await answers(reader)
            assert [letter for letter, _ in said] == [b"i", b"i", b"i", b"c"]
            assert verdict(put_together(said, body), RECORDS)[0] == "pass"


async def test_no_key() -> None:
    """It leaves as it came."""
    async with postfix(none) as (reader, writer):
        writer.write(message())
        assert await answers(reader) == [CONTINUE]


async def test_a_key_that_cannot_be_told() -> None:
    """It comes again."""
    async with postfix(untold) as (reader, writer):
        writer.write(message())
        ((letter, text),) = await answers(reader)
        assert (letter, text[:9]) == (b"y", b"451 4.7.0")


@pytest.mark.parametrize(
    "fields",
    [
        tuple(("X-Long", " " + "x" * 60_000) for _ in range(HEADER_OCTETS // 60_000 + 1)),
        (("Bad\u00fcName", " x"),),
    ],
)
async def test_a_header_that_cannot_be_sealed(fields: tuple[tuple[str, str], ...]) -> None:
    """Too long, or nothing that is a header: no seal, and no harm."""
    async with postfix() as (reader, writer):
        writer.write(message(*fields) + message())
        assert await answers(reader) == [CONTINUE]
        assert len(await answers(reader)) == 4


@pytest.mark.parametrize(
    "octets", [b"\xff\xff\xff\xff", packet(b"B", b"x"), packet(b"Q"), packet(b"?")]
)
async def test_the_end(octets: bytes) -> None:
    """Goodbye, nonsense, or a body of nothing: the connection is closed."""
    async with postfix() as (reader, writer):
        writer.write(octets)
        assert await reader.read() == b""


async def test_a_message_that_is_abandoned() -> None:
    """What was heard of it is forgotten."""
    begun = message().removesuffix(packet(b"E"))
    async with postfix() as (reader, writer):
        writer.write(begun + packet(b"A") + message() + packet(b"K") + message())
        for _ in range(2):
            said = await answers(reader)
            assert verdict(put_together(said, b"hello\r\n"), RECORDS)[0] == "pass"
