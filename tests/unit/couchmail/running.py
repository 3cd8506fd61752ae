"""Runs the whole service inside a test, on ports that the system picks, over a small datastore."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from mailstack.couchmail import service
from mailstack.couchmail.config import Config, PortName
from mailstack.model.documents import Document, make_document
from mailstack.store.sqlite import SqliteStore
from mailstack.topology.model import Endpoint

TOKEN = "t" * 64
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "x" * 86
SCRIPT = 'require "fileinto";\nfileinto "Lists";\n'
NAMES: tuple[PortName, ...] = ("domains", "mailboxes", "aliases", "dict", "api")

DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"type": "domain", "name": "example.org"},
    {"type": "domain", "name": "closed.example", "enabled": False},
    {"type": "user", "address": "alice@example.org", "password": HASH, "quota": 1048576},
    {"type": "user", "address": "bob@example.org", "password": HASH},
    {"type": "user", "address": "gone@example.org", "password": HASH, "enabled": False},
    {"type": "alias", "address": "both@example.org",
     "targets": ["alice@example.org", "bob@example.org"]},
    {"type": "alias", "address": "many@example.org",
     "targets": [f"somebody.with.a.long.name.{n:04}@elsewhere.example" for n in range(200)]},
    {"type": "sieve", "owner": "alice@example.org", "name": "lists", "text": SCRIPT,
     "active": True},
)  # fmt: skip


def documents() -> Iterator[Document]:
    return (make_document(fields) for fields in DOCUMENTS)


def config(folder: Path, **changes: object) -> Config:
    """Settings of a service whose state lies in ``folder``."""
    (folder / "token").write_text(TOKEN)
    values: dict[str, object] = {
        "listen": dict.fromkeys(NAMES, Endpoint("127.0.0.1", 0)),
        "database": folder / "mail.sqlite",
        "socket": folder / "api.sock",
        "marker": folder / "elsewhere" / "created",
        "token_file": folder / "token",
        "uid": 0,
        "gid": 0,
        "owner_email": "owner@outside.example",
        "primary_domain": "example.org",
        "delimiter": "+",
        "grace_s": 1.0,
    }
    return Config.model_validate({**values, **changes})


@dataclass(frozen=True)
class Running:
    """A service that answers."""

    config: Config
    ports: Mapping[str, int]
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def ask(self, port: str, data: bytes) -> bytes:
        """Send ``data``, end the sending side, return all that comes back."""
        return await self.dialog(port, [data])

    async def dialog(self, port: str, pieces: Sequence[bytes]) -> bytes:
        async with asyncio.timeout(10):
            reader, writer = await self.connect(port)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
        return answer

    async def connect(self, port: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.ports[port])

    def on_socket(self) -> httpx.AsyncClient:
        """A client on the unix socket."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.config.socket))
        return httpx.AsyncClient(transport=transport, base_url="http://couchmail", timeout=10)

    def on_tcp(self, token: str = "") -> httpx.AsyncClient:
        """A client on the TCP port, with a token or without."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        address = f"http://127.0.0.1:{self.ports['api']}"
        return httpx.AsyncClient(base_url=address, headers=headers, timeout=10)

    async def numbers(self) -> dict[str, float]:
        """The metrics, by the text before the value."""
        async with self.on_tcp() as client:
            page = (await client.get("/metrics")).text
        rows = [line.rsplit(" ", 1) for line in page.splitlines() if line[:1] != "#"]
        return {name: float(value) for name, value in rows}


@asynccontextmanager
async def running(**changes: object) -> AsyncIterator[Running]:
    """Run couchmail over ``DOCUMENTS``; it must end in order when the block ends."""
    with TemporaryDirectory(prefix="ms-") as name:
        settings = config(Path(name), **changes)
        async with SqliteStore(settings.database, create=True) as store:
            for document in documents():
                await store.put(document)
        settings.marker.parent.mkdir()
        async with serving(settings) as found:
            yield found


@asynccontextmanager
async def serving(settings: Config) -> AsyncIterator[Running]:
    stop = asyncio.Event()
    started: asyncio.Future[Mapping[str, int]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(service.serve(settings, TOKEN, stop, started.set_result))
    waited: set[asyncio.Future[Any]] = {task, started}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    try:
        if task.done():
            task.result()
        yield Running(settings, started.result(), stop, task)
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await task
