"""The processes of the service: the one that orders, as its own account, and who starts it."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tests.daemons.test_letsencrypt import HOST, OTHER, ZONE, World, world
from tests.nameserver import named
from tests.pebble import free_port, pebble

from mailstack.agent.keys import self_signed
from mailstack.aio.http import HttpServer
from mailstack.aio.http_client import Peer
from mailstack.letsencrypt.attend import ask, attend, order
from mailstack.letsencrypt.errand import MAX_LINE, Result, Wish
from mailstack.letsencrypt.keeper import Keeper
from mailstack.letsencrypt.pages import PublicPages
from mailstack.letsencrypt.plan import Plan
from mailstack.topology.model import Endpoint

__all__ = ["world"]

ACCOUNT = 5013
WITH_GUARD = """
import sys
from mailstack.aio import privileges
real = privileges.drop
here = tuple(path for path in sys.path if path)
def tell(event, args):
    if event == "import" or (event == "open" and str(args[0]).startswith(here)):
        print("LATE", event, args[0], file=sys.stderr)
def drop(*account):
    real(*account)
    sys.addaudithook(tell)
privileges.drop = drop
"""
ORDERS = f"{WITH_GUARD}from mailstack.letsencrypt.run import main\nsys.exit(main())"
RESIDES = f"""{WITH_GUARD}
from mailstack.letsencrypt.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account may pass through."""
    with tempfile.TemporaryDirectory(prefix="mailstack-acme-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _owned(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, ACCOUNT, ACCOUNT)
    return folder


def _config(world: World, folder: Path, **changed: object) -> Path:
    tls = _owned(folder / "tls")
    key, first = self_signed([HOST])
    (tls / "privkey.pem").write_text(key)
    (tls / "privkey.pem").chmod(0o600)  # root's, as at the first start
    (tls / "fullchain.pem").write_text(first)
    (folder / "ca.pem").write_bytes(world.ca.ca_file.read_bytes())
    at = ["127.0.0.1", world.port]
    document: dict[str, object] = {
        "listen": at,
        "http": at,
        "port_offset": 0,
        "api": at,
        "token_file": "/none",
        "resolver": [world.server.address, world.server.port],
        "hostname": HOST,
        "domain": "example.org",
        "email": "owner@example.org",
        "directory": world.ca.directory,
        "ca_file": str(folder / "ca.pem"),
        "challenge": "http-01",
        "renew_at": 0.5,
        "update_server": None,
        "update_zone": "",
        "tsig_file": str(folder / "tsig.key"),
        "tsig_name": "",
        "tsig_algorithm": "",
        "tls": str(tls),
        "secret": "none",
        "kept": str(_owned(folder / "kept")),
        "pages": str(_owned(folder / "pages")),
        "errands": str(folder / "errands.sock"),
        "uid": ACCOUNT,
        "gid": ACCOUNT,
    }
    file = folder / "letsencrypt.json"
    file.write_text(json.dumps({**document, **changed}))
    return file


def _by_dns(world: World, folder: Path) -> dict[str, object]:
    (folder / "tsig.key").write_text(world.server.tsig.secret)
    (folder / "tsig.key").chmod(0o600)
    return {
        "challenge": "dns-01",
        "update_server": [world.server.address, world.server.port],
        "tsig_name": world.server.tsig.name,
        "tsig_algorithm": world.server.tsig.algorithm,
    }


@asynccontextmanager
async def _serving(world: World, folder: Path) -> AsyncIterator[None]:
    """Serve the pages as the resident process does."""
    pages = HttpServer(PublicPages(folder / "pages", HOST, 0).answer)
    async with await asyncio.start_server(pages.serve, "127.0.0.1", world.port):
        yield


@pytest.mark.parametrize("challenge", ["http-01", "dns-01"])
async def test_it_orders_without_root(world: World, folder: Path, challenge: str) -> None:
    """It imports and reads all it needs before it gives up root, and what it writes is its own."""
    file = _config(world, folder, **(_by_dns(world, folder) if challenge == "dns-01" else {}))
    first = (folder / "tls" / "privkey.pem").read_text()
    async with _serving(world, folder):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ORDERS, "--config", str(file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)},
        )
        out, said = await process.communicate(Wish((HOST, OTHER)).encode())
    result = Result.decode(out.splitlines()[-1])
    assert result.done == "issued", result.why
    assert (folder / "tls" / "privkey.pem").read_text() == first  # which DNS may tell of
    if os.geteuid() == 0:
        late = [line for line in said.decode().splitlines() if line.startswith("LATE")]
        assert not late
        made = [*(folder / "kept").iterdir(), *(folder / "tls").iterdir()]
        assert {path.stat().st_uid for path in made} == {ACCOUNT}
    assert not list((folder / "pages").iterdir())


async def test_the_agent_has_it_done(world: World, folder: Path) -> None:
    """Who asks at the agent's socket has an order done; who asks nonsense hears nothing."""
    file, said = _config(world, folder), list[str]()
    socket = folder / "errands.sock"
    attending = asyncio.ensure_future(attend(file, said.append))
    async with _serving(world, folder), asyncio.timeout(240):
        while not socket.exists():
            assert not attending.done()
            await asyncio.sleep(0.01)
        for words in (b"nonsense\n", b"x" * (MAX_LINE * 2) + b"\n", b""):
            reader, writer = await asyncio.open_unix_connection(socket)
            with suppress(OSError):
                writer.write(words)
                writer.write_eof()
                assert not await reader.read()
            writer.close()
        result = await ask(socket, Wish((HOST,)))
        assert (result.done, result.names) == ("issued", (HOST,))
        assert (await ask(socket, Wish((HOST,)))).done == "kept"
    assert socket.stat().st_mode & 0o777 == 0o600
    attending.cancel()
    with suppress(asyncio.CancelledError):
        await attending


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.05)


async def test_it_is_renewed_in_time(tmp_path: Path, folder: Path) -> None:
    """When its part of the life is over the next one comes by itself, and is another one."""
    port = free_port()
    async with (
        named({"example.org": ZONE}) as server,
        pebble(http_port=port, dnsserver=str(server.endpoint), valid_s=200) as ca,
    ):
        world = World(ca, server, port, tmp_path)
        file = _config(world, folder, renew_at=0.05)
        tls, kept = folder / "tls" / "fullchain.pem", folder / "kept"
        keeper = Keeper(
            lambda wish: order(file, wish, lambda _: None), Plan(), kept / "plan.json", tls
        )
        keeper.hold((HOST,))
        async with _serving(world, folder), asyncio.timeout(240):
            running = asyncio.ensure_future(keeper.run())
            await _until(lambda: keeper.issued > 0)
            first = tls.read_text()
            await _until(lambda: tls.read_text() != first)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    assert keeper.failed == 0


async def test_an_order_that_cannot_begin(world: World, folder: Path) -> None:
    """What keeps it from beginning is the result's reason, in one line."""
    by_dns = _by_dns(world, folder)
    file = _config(world, folder, **{**by_dns, "update_server": None})
    result = await order(file, Wish((HOST,)), lambda _: None)
    assert result == Result("failed", 'acme.challenge = "dns-01" needs dns.update_server; set it')
    raw = json.loads(file.read_text())
    file.write_text(json.dumps({**raw, **by_dns}))
    (folder / "tsig.key").write_text("nonsense and more")
    result = await order(file, Wish((HOST,)), lambda _: None)
    assert result.done == "failed"
    assert str(folder / "tsig.key") in result.why
    file.write_text("{}")
    result = await order(file, Wish((HOST,)), lambda _: None)
    assert result.done == "failed"
    assert result.why.startswith(str(file))


async def test_the_resident_process(world: World, folder: Path) -> None:
    """Without root it needs nothing more; it answers though nobody else does, and ends well."""
    web, http = ["127.0.0.1", world.port], ["127.0.0.1", free_port()]
    (folder / "token").write_text("token")
    changed = {"listen": web, "http": http, "api": ["127.0.0.1", free_port()]}
    file = _config(world, folder, **changed, token_file=str(folder / "token"))
    attending = asyncio.ensure_future(attend(file, lambda _: None))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RESIDES, "--config", str(file)),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    api = Peer(Endpoint("127.0.0.1", int(str(http[1]))), "token")
    async with asyncio.timeout(240):
        while True:
            with suppress(OSError):
                status, words = await api.ask("GET", "/readyz", timeout_s=60)
                break
            assert process.returncode is None, (await process.communicate())[1]
            await asyncio.sleep(0.02)
        assert (status, words) == (503, b"nobody has looked yet\n")
        page = Peer(Endpoint("127.0.0.1", world.port))
        assert (await page.ask("GET", "/somewhere", timeout_s=60))[0] == 301
        _, body = await api.ask("POST", "/renew", b'{"force": true}', timeout_s=200)
    result = Result.decode(body)
    assert (result.done, result.why) == ("failed", "nobody knows yet which domains there are")
    assert (folder / "kept" / "plan.json").stat().st_mode & 0o777 == 0o600
    process.terminate()
    said = (await process.communicate())[1].decode()
    assert process.returncode == 0
    assert "Traceback" not in said
    if os.geteuid() == 0:
        assert "LATE" not in said
    attending.cancel()
    with suppress(asyncio.CancelledError):
        await attending
