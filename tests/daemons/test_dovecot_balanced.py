"""A real Dovecot behind a load balancer: whose address it sees, and whom it believes about it."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.daemons.mailbox_clients import ANN, PASSWORD, dovecot, trusting, with_imap
from tests.daemons.stage import state_folder

from mailstack.aio.dialog import connect
from mailstack.daemons.dovecot import DAEMON
from mailstack.errors import MissingProgram
from mailstack.topology.model import Endpoint

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

BALANCER, STRANGER = "127.0.0.2", "127.0.0.3"
LISTEN = {"proxy_networks": (f"{BALANCER}/32", "2001:db8::/32")}
LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 993\r\n"
TWO = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24" + bytes.fromhex(
    "20010db800000000000000000000000920010db80000000000000000000000011f9003e1"
)


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


async def log_in(at: Endpoint, header: bytes, tls: ssl.SSLContext) -> str:
    """What is said to a login that comes over TLS, through the balancer."""
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(at.host, at.port, local_addr=(BALANCER, 0))
        writer.write(header)
        await writer.start_tls(tls)
        await reader.readline()
        writer.write(f'a LOGIN {ANN} "{PASSWORD}"\r\n'.encode())
        while not (line := await reader.readline()).startswith(b"a "):
            assert line
        writer.close()
    return line.decode()


async def greeting(at: Endpoint, source: str, header: bytes) -> bytes:
    """What is said in the clear to whoever connects; empty: it is hung up on."""
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(at.host, at.port, local_addr=(source, 0))
        writer.write(header)
        try:
            return await reader.readline()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


@pytest.mark.parametrize(("header", "client"), [(LINE, "203.0.113.9"), (TWO, "2001:db8::9")])
async def test_the_log_names_the_client(state: Path, header: bytes, client: str) -> None:
    """Both versions of the header lead to a login, which is logged with the client's address."""
    async with dovecot(state, listen=LISTEN) as (stage, _):
        at = stage.site.addresses["dovecot.imaps-lb"]
        assert "OK" in await log_in(at, header, trusting())
        await stage.says(f"rip={client},")


async def test_who_is_no_balancer(state: Path) -> None:
    """A stranger is hung up on, with a header or without; the other ports need none, as before."""
    async with dovecot(state, listen=LISTEN) as (stage, _):
        theirs, ours = (stage.site.addresses[f"dovecot.{name}"] for name in ("imap-lb", "imap"))
        assert (await greeting(theirs, BALANCER, LINE)).startswith(b"* OK")
        for header in (LINE, TWO, b"a NOOP\r\n"):
            assert not await greeting(theirs, STRANGER, header)
        assert not await greeting(theirs, BALANCER, b"a LOGIN x y\r\n")
        assert (await greeting(ours, STRANGER, b"")).startswith(b"* OK")
        await with_imap(stage.site, lambda _: None)


async def test_without_balancers_nobody_listens(state: Path) -> None:
    """The ports of load balancers are closed where there are none."""
    async with dovecot(state) as (stage, _):
        with pytest.raises(ConnectionRefusedError):
            async with connect(stage.site.addresses["dovecot.imap-lb"]):
                pass
