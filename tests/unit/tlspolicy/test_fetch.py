"""Policies over HTTPS, from a server of this file's own: what is taken, and what is not."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from mailstack.demo.keys import self_signed
from mailstack.model.domains import parse_domain
from mailstack.outcome import Found, NotFound, Outcome
from mailstack.protocols.mta_sts import MAX_OCTETS
from mailstack.tlspolicy import fetch
from mailstack.tlspolicy.fetch import Fetcher, NoPolicy
from mailstack.topology.model import LOOPBACK, Endpoint

DOMAIN = parse_domain("example.org")
TEXT = b"version: STSv1\nmode: none\nmax_age: 60\n"
GOOD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(TEXT), TEXT)
)


@pytest.fixture(autouse=True)
def _dns(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(_: Endpoint, name: str, kind: str, **__: object) -> Outcome[object]:
        assert name == f"mta-sts.{DOMAIN}"
        if kind == "AAAA":
            return NotFound()
        return Found(type("Answer", (), {"data": (LOOPBACK,)}))

    monkeypatch.setattr(fetch, "ask", ask)


@asynccontextmanager
async def host(folder: Path, answer: bytes, name: str = "") -> AsyncIterator[Fetcher]:
    """Answer every request with ``answer``, as the host ``name``; yields who trusts it."""
    pem = folder / "host.pem"
    pem.write_bytes(self_signed(name or f"mta-sts.{DOMAIN}"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            request = await reader.readuntil(b"\r\n\r\n")
            assert request.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
            writer.write(answer)
            await writer.drain()

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=tls)
    async with server:
        trusting = ssl.create_default_context(cafile=pem)
        port = server.sockets[0].getsockname()[1]
        yield Fetcher(Endpoint(LOOPBACK, 1), trusting, port)


async def test_a_policy_is_fetched(tmp_path: Path) -> None:
    """The text comes as it is."""
    async with host(tmp_path, GOOD) as fetcher:
        assert await fetcher.fetch(DOMAIN) == TEXT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (GOOD.replace(b"200 OK", b"404 Not Found"), "status 404"),
        (GOOD.replace(b"200 OK", b"301 Moved\r\nLocation: /"), "status 301"),
        (GOOD.replace(b"text/plain", b"text/html"), "not text/plain"),
        (GOOD[:-1], "closed|without"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * (MAX_OCTETS + 1), "more"),
        (b"220 mail.example.org ESMTP\r\n", "mta-sts"),
        (b"", "mta-sts"),
    ],
)
async def test_what_is_no_policy(tmp_path: Path, answer: bytes, reason: str) -> None:
    """Redirects are not followed; other types, broken and endless answers are refused."""
    async with host(tmp_path, answer) as fetcher:
        with pytest.raises(NoPolicy, match=reason):
            await fetcher.fetch(DOMAIN)


async def test_another_host(tmp_path: Path) -> None:
    """The certificate must be that of ``mta-sts.DOMAIN``."""
    async with host(tmp_path, GOOD, "www.example.org") as fetcher:
        with pytest.raises(NoPolicy, match="certificate"):
            await fetcher.fetch(DOMAIN)


async def test_nobody_is_there(tmp_path: Path) -> None:
    """A closed port is a policy that cannot be had."""
    async with host(tmp_path, GOOD) as fetcher:
        pass
    with pytest.raises(NoPolicy):
        await fetcher.fetch(DOMAIN)
