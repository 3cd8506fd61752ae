"""A datastore that fails must never look like a missing user, on any port, by any fault."""

import asyncio
import json
import shutil
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from tests.unit.couchmail.running import Running, running, serving

from mailstack.couchmail import service
from mailstack.protocols import netstring

Fault = Callable[[Path], object]


def removed(database: Path) -> None:
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


def overwritten(database: Path) -> None:
    database.write_bytes(b"\xa5" * 65_536)


def emptied(database: Path) -> None:
    database.write_bytes(b"")


FAULTS: tuple[Fault, ...] = (removed, overwritten, emptied)


async def answers(couchmail: Running) -> dict[str, bytes]:
    """What each port says of somebody who exists."""
    alice = b"alice@example.org"
    return {
        "socketmap": await couchmail.ask("mailboxes", netstring.encode(b"mailboxes " + alice)),
        "tcp_table": await couchmail.ask("domains", b"get example.org\n"),
        "aliases": await couchmail.ask("aliases", b"get both@example.org\n"),
        "senders": await couchmail.ask("aliases", netstring.encode(b"senders " + alice)),
        "passdb": await couchmail.ask("dict", b"H3\t2\t0\t\ta\nLshared/passdb/" + alice + b"\n"),
        "sieve": await couchmail.ask(
            "dict", b"H3\t2\t0\t\ta\nLpriv/sieve/name/active\t" + alice + b"\n"
        ),
        "iterate": await couchmail.ask("dict", b"H3\t2\t0\t\ta\nI0\t0\tshared/userdb/\t\n"),
    }


TEMPORARY = {
    "socketmap": b"20:TEMP try again later,",
    "tcp_table": b"400 try%20again%20later\n",
    "aliases": b"400 try%20again%20later\n",
    "senders": b"20:TEMP try again later,",
    "passdb": b"Ftry again later\n",
    "sieve": b"Ftry again later\n",
    "iterate": b"Ftry again later\n",
}


async def wait_until_noticed(couchmail: Running) -> None:
    async with asyncio.timeout(10), couchmail.on_tcp() as client:
        while (await client.get("/readyz")).status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            continue


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_every_port_answers_for_now(couchmail: Running, fault: Fault) -> None:
    """400, TEMP and F, as long as the store is broken; never 'not found'."""
    fault(couchmail.config.database)
    await wait_until_noticed(couchmail)
    assert await answers(couchmail) == TEMPORARY
    numbers = await couchmail.numbers()
    assert numbers["couchmail_store_revision"] == -1
    assert numbers['couchmail_lookups_total{outcome="unavailable",table="mailboxes"}'] == 1


async def test_the_api_says_503(couchmail: Running) -> None:
    """Reads and writes are told to come again; the process counts as alive all the same."""
    removed(couchmail.config.database)
    await wait_until_noticed(couchmail)
    async with couchmail.on_socket() as client:
        for answer in (
            await client.get("/v1/users/alice@example.org"),
            await client.get("/v1/users"),
            await client.put("/v1/domains/new.example", json={}),
            await client.delete("/v1/users/alice@example.org"),
            await client.get("/v1/changes"),
            await client.get("/v1/export"),
            await client.get("/readyz"),
        ):
            assert answer.status_code == 503, answer.request.url
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "1"
            assert str(couchmail.config.database) not in answer.text
        assert (await client.get("/healthz")).status_code == 200
        imported = await client.post("/v1/import", content=b'{"type":"domain","name":"n.example"}')
        assert "cannot answer" in json.loads(imported.text.splitlines()[-1])["error"]


async def test_a_store_that_comes_back_is_used_at_once(couchmail: Running, tmp_path: Path) -> None:
    """No restart is needed: the next answers are the right ones."""
    before = await answers(couchmail)
    database = couchmail.config.database
    async with couchmail.on_socket() as client:
        copy = Path((await client.post("/v1/backup")).json()["file"])
    shutil.copy(copy, tmp_path / "kept")
    removed(database)
    await wait_until_noticed(couchmail)
    shutil.copy(tmp_path / "kept", database)
    async with asyncio.timeout(10):
        while await answers(couchmail) != before:
            continue


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_a_lost_store_is_not_begun_anew(fault: Fault) -> None:
    """An empty store knows nobody and would bounce everything; it is waited for instead."""
    async with running() as couchmail:
        database, before = couchmail.config.database, await answers(couchmail)
        async with couchmail.on_socket() as client:
            kept = (await client.post("/v1/backup")).json()["file"]
        await ended(couchmail)
        fault(database)
        async with serving(couchmail.config) as again:
            assert await answers(again) == TEMPORARY
            shutil.copy(kept, database)
            async with asyncio.timeout(10):
                while await answers(again) != before:
                    continue


async def test_a_volume_that_is_not_mounted(caplog: pytest.LogCaptureFixture) -> None:
    """An empty folder where the store was is no first start: readyz and log say what to do."""
    async with running() as couchmail:
        await ended(couchmail)
        database, volume = couchmail.config.database, couchmail.config.database.parent
        for file in (database, volume / service.CREATED):
            file.rename(volume / "elsewhere" / file.name)
        async with serving(couchmail.config) as again:
            assert await answers(again) == TEMPORARY
            async with again.on_tcp() as client:
                told = await client.get("/readyz")
            assert told.status_code == 503
            assert "mount its volume" in told.json()["detail"]
            assert not database.exists()
        assert f"{database} is not there" in caplog.text


async def test_the_first_start_makes_a_store() -> None:
    """Where there never was one, it is made, and noted inside the volume and outside."""
    async with running() as couchmail:
        await ended(couchmail)
        markers = (couchmail.config.database.parent / service.CREATED, couchmail.config.marker)
        for file in (*markers, couchmail.config.database):
            file.unlink()
        async with serving(couchmail.config) as again, again.on_socket() as client:
            assert (await client.get("/v1/domains")).json()["total"] == 1
        assert all(marker.exists() for marker in markers)


async def test_without_a_place_outside_the_volume() -> None:
    """In a pod only the volume itself can be marked."""
    async with running() as couchmail:
        await ended(couchmail)
        couchmail.config.marker.unlink()
        couchmail.config.marker.parent.rmdir()
        async with serving(couchmail.config) as again:
            assert b"OK" in (await answers(again))["socketmap"]


async def ended(couchmail: Running) -> None:
    couchmail.stop.set()
    await couchmail.task
