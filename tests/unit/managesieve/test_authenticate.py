"""Dovecot's verdict on a login, and what it means that there is none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mailstack.managesieve.authenticate import DovecotLogin
from mailstack.outcome import Found, NotFound, Unavailable
from mailstack.topology.model import Endpoint

HELLO = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t7\nCUID\t1\nDONE\n"


@asynccontextmanager
async def dovecot(answer: bytes, hello: bytes = HELLO) -> AsyncIterator[DovecotLogin]:
    """Plays Dovecot's auth: greets, and gives ``answer`` to the first question."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello)
        while line := await reader.readline():
            if line.startswith(b"AUTH"):
                assert line.startswith(
                    b"AUTH\t1\tPLAIN\tservice=sieve\tsecured\trip=192.0.2.9\tresp="
                )
                writer.write(answer)
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield DovecotLogin(Endpoint("127.0.0.1", server.sockets[0].getsockname()[1]))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"OK\t1\tuser=anna@example.org\n", Found("anna@example.org")),
        (b"FAIL\t1\tuser=anna@example.org\n", NotFound()),
    ],
)
async def test_verdicts(answer: bytes, outcome: object) -> None:
    """The address is Dovecot's, a refusal is final."""
    async with dovecot(answer) as ask:
        assert await ask("Anna@example.org", "secret", "192.0.2.9") == outcome


@pytest.mark.parametrize("answer", [b"FAIL\t1\ttemp\n", b"", b"OK\tx\n"])
async def test_no_verdict(answer: bytes) -> None:
    """Whatever else is said, or nothing, is no refusal."""
    async with dovecot(answer) as ask:
        assert isinstance(await ask("anna@example.org", "secret", "192.0.2.9"), Unavailable)


async def test_nobody_there() -> None:
    """Neither is a port where nobody listens."""
    async with dovecot(b"") as ask:
        pass
    assert isinstance(await ask("anna@example.org", "secret", "192.0.2.9"), Unavailable)


async def test_a_nul_is_no_login() -> None:
    """It would move the border between login and password, so nobody is asked."""
    ask = DovecotLogin(Endpoint("127.0.0.1", 1))
    assert await ask("anna\0ben", "secret", "192.0.2.9") == NotFound()
