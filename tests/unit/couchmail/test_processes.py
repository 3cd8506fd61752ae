"""Two processes answer lookups as one: what is written, what fails, and who dies."""

import asyncio
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from tests.unit.couchmail.process import Process
from tests.unit.couchmail.running import HASH

from mailstack.couchmail import processes
from mailstack.couchmail.processes import Follower
from mailstack.errors import ServiceFailed
from mailstack.protocols import netstring

PEERS = 32
"""Connections, spread by chance: one process gets none of them once in 2,000 million times."""
FOUND = netstring.encode(b"OK a@example.org")
UNKNOWN = netstring.encode(b"NOTFOUND ")
FOR_NOW = netstring.encode(b"TEMP try again later")

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Peers:
    """Connections to both processes, and the API."""

    def __init__(self, process: Process, ports: dict[str, int], peers: list[Peer]) -> None:
        self.process = process
        self.follower = process.follower
        self.database = process.settings.database
        self.api = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(process.settings.socket)),
            base_url="http://couchmail",
        )
        self.ports = ports
        self._peers = peers

    async def ask(self, address: str = "a@example.org") -> set[bytes]:
        """Ask on all connections; return the different answers."""
        question = netstring.encode(f"mailboxes {address}".encode())
        return set(await asyncio.gather(*(_ask(peer, question) for peer in self._peers)))

    async def ask_until(self, wanted: bytes, among: Iterable[bytes]) -> None:
        """Ask until all say ``wanted``; until then they may say what is ``among``."""
        async with asyncio.timeout(20):
            while (answers := await self.ask()) != {wanted}:
                assert answers <= {wanted, *among}

    async def ended(self) -> bool:
        """Whether every connection has ended."""
        return not any(await asyncio.gather(*(_rest(reader) for reader, _ in self._peers)))

    async def is_answered(self) -> bool:
        """Whether somebody listens on the port."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.ports["mailboxes"])
        except ConnectionError:
            return False
        writer.close()
        return True

    async def found(self) -> int:
        """Count of mailboxes found, as the metrics have it."""
        page = (await self.api.get("/metrics")).text
        row = 'couchmail_lookups_total{outcome="found",table="mailboxes"} '
        return int(float(page.partition(row)[2].partition("\n")[0]))

    async def close(self) -> None:
        await self.api.aclose()
        for _, writer in self._peers:
            writer.close()


async def _ask(peer: Peer, question: bytes) -> bytes:
    reader, writer = peer
    writer.write(question)
    return await reader.readuntil(b",")


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[Peers]:
    """Run couchmail with one user, asked over connections to both of its processes."""
    process = Process(folder)
    ports = await process.start()
    port = ports["mailboxes"]
    peers = Peers(
        process,
        ports,
        [await asyncio.open_connection("127.0.0.1", port) for _ in range(PEERS)],
    )
    try:
        await add(peers.api, "a@example.org")
        assert await peers.ask() == {FOUND}
        yield peers
    finally:
        await peers.close()
        await process.stop()


async def add(api: httpx.AsyncClient, address: str) -> None:
    answer = await api.post("/v1/users", json={"address": address, "password": HASH})
    assert answer.status_code == 201


def connections(pid: int) -> int:
    links = (entry.readlink() for entry in Path(f"/proc/{pid}/fd").iterdir())
    return sum(str(link).startswith("socket:") for link in links)


async def test_both_answer(folder: Path) -> None:
    """The kernel spreads the connections over the two."""
    async with both(folder) as peers:
        of_follower = connections(peers.follower)
        assert 4 < of_follower < PEERS + 4  # it has three that listen and one to the writer


async def test_a_write_is_seen_by_both_before_it_is_answered(folder: Path) -> None:
    """Who was told 201 finds the user on every connection, and who was told 204 nowhere."""
    async with both(folder) as peers:
        for number in range(20):
            address = f"u{number}@example.org"
            await add(peers.api, address)
            assert await peers.ask(address) == {netstring.encode(f"OK {address}".encode())}
            assert (await peers.api.delete(f"/v1/users/{address}")).status_code == 204
            assert await peers.ask(address) == {UNKNOWN}


async def test_a_follower_that_dies_ends_the_service(folder: Path) -> None:
    """Connections break, nothing is answered wrongly, and the agent starts it anew."""
    async with both(folder) as peers:
        waiting = asyncio.create_task(peers.api.get("/v1/changes", params={"wait": 50}))
        os.kill(peers.follower, signal.SIGKILL)
        async with asyncio.timeout(10):
            assert await peers.ended()
            assert await peers.process.process.wait() == 1
            await asyncio.wait([waiting])
        said = peers.process.said()
        assert said.endswith(f"couchmail: the lookup process {peers.follower} died\n")
        assert "Traceback" not in said
        await peers.process.start()


async def test_a_follower_does_not_outlive_the_writer(folder: Path) -> None:
    """Nobody would tell it of the next commit."""
    async with both(folder) as peers:
        peers.process.process.kill()
        async with asyncio.timeout(10):
            assert await peers.ended()
            while await peers.is_answered():  # the kernel closes its sockets one by one
                pass
        assert "Traceback" not in peers.process.said()


async def test_a_broken_store_is_unavailable_on_both(folder: Path) -> None:
    """Never 'not found', neither when it goes nor when it comes back."""
    async with both(folder) as peers:
        copy = Path((await peers.api.post("/v1/backup")).json()["file"])
        shutil.copy2(copy, folder / "kept")
        peers.database.unlink()
        await peers.ask_until(FOR_NOW, {FOUND})
        status = peers.database.parent.stat()
        os.chown(folder / "kept", status.st_uid, status.st_gid)
        (folder / "kept").rename(peers.database)
        await peers.ask_until(FOUND, {FOR_NOW})


async def test_metrics_are_those_of_both(folder: Path) -> None:
    """What the two counted adds up, at most a quarter of a second later."""
    async with both(folder) as peers:
        for _ in range(3):
            await peers.ask()
        async with asyncio.timeout(10):
            while await peers.found() != 4 * PEERS:
                pass


async def test_both_end_in_order(folder: Path) -> None:
    """On SIGTERM, and without a signal to the follower."""
    async with both(folder) as peers:
        os.kill(peers.follower, signal.SIGTERM)
        assert await peers.ask() == {FOUND}
        position = (await peers.api.get("/v1/changes")).json()["position"]
        query = {"since": position, "wait": 50}
        waiting = asyncio.create_task(peers.api.get("/v1/changes", params=query))
        await peers.api.get("/healthz")
        peers.process.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await peers.ended()
            assert (await waiting).json()["position"] == position
        assert await peers.process.stop() == 0
        assert "Traceback" not in peers.process.said()
        with pytest.raises(ProcessLookupError):
            os.kill(peers.follower, 0)


async def test_a_follower_that_hangs_does_not_hold_up_writes(folder: Path) -> None:
    """A write waits a second for it, no longer."""
    async with both(folder) as peers:
        os.kill(peers.follower, signal.SIGSTOP)
        async with asyncio.timeout(5):
            await add(peers.api, "b@example.org")
        os.kill(peers.follower, signal.SIGCONT)
        assert FOUND in await peers.ask()


async def test_a_follower_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was told something and says nothing; one that was told nothing may be silent."""
    monkeypatch.setattr(processes, "PATIENCE_S", 0.01)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    follower = Follower(0, ours)
    hearing = asyncio.create_task(follower.hear())
    await asyncio.sleep(0.03)
    assert not hearing.done()
    follower.told = 1
    with pytest.raises(ServiceFailed, match="hangs"):
        await hearing
    theirs.send(json.dumps({"number": 1, "counted": [["n", ["l"], 1]]}).encode())
    assert await follower.hear()
    assert (follower.seen, follower.counted) == (1, [("n", ("l",), 1)])
    theirs.close()
    assert not await follower.hear()
    ours.close()


async def test_a_store_that_is_missing_at_the_start(folder: Path) -> None:
    """Both say 'try again' until it is there, and then what is true, without a restart."""
    async with both(folder) as peers:
        await peers.process.stop()
        peers.database.rename(folder / "away")
        ports = await peers.process.start()
        port = ports["mailboxes"]
        later = [await asyncio.open_connection("127.0.0.1", port) for _ in range(PEERS)]
        again = Peers(peers.process, ports, later)
        assert await again.ask() == {FOR_NOW}
        (folder / "away").rename(peers.database)
        await again.ask_until(FOUND, {FOR_NOW})
        await again.close()
