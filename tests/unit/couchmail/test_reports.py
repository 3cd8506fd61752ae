"""The HTTP API: what others report about domains, and who reads reports beside others."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from tests.unit.couchmail.running import TOKEN, Running
from tests.unit.couchmail.test_api import detail
from tests.unit.reports.test_received import report

from mailstack.client import Client, TcpTransport
from mailstack.errors import DocumentMissing, InvalidDocument
from mailstack.model.reports import Received
from mailstack.reports import shelf
from mailstack.reports.shelf import Shelf
from mailstack.topology.model import Endpoint

PATH = "/v1/domains/example.org/reports"


@pytest.fixture
async def api(couchmail: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the unix socket."""
    async with couchmail.on_socket() as client:
        yield client


@pytest.fixture
def kept(couchmail: Running) -> Shelf:
    """What a pass over reports uses; a thread's work."""
    there = TcpTransport(Endpoint("127.0.0.1", couchmail.ports["api"]), TOKEN)
    return Shelf(Client(there), keep_days=30, clock=lambda: 100.0)


def ours(identity: str) -> Received:
    return replace(report(identity), domain="example.org")


async def test_a_domain_of_which_nobody_told(api: httpx.AsyncClient) -> None:
    """It has an empty document; a domain that is not hosted has none."""
    found = (await api.get(PATH)).json()
    assert (found["type"], found["items"], found["revision"]) == ("reports", [], "")
    detail(await api.get("/v1/domains/elsewhere.example/reports"), 404)
    assert (await api.get("/v1/reports")).json()["items"] == []


async def test_what_was_told_is_listed(api: httpx.AsyncClient, kept: Shelf) -> None:
    """Of one domain or all, as it was written; until it is forgotten, or its domain is."""
    await asyncio.to_thread(kept.add, ours("a"))
    (item,) = (await api.get(PATH)).json()["items"]
    assert (item["identity"], item["sources"][0]["messages"]) == ("a", 7)
    (page,) = (await api.get("/v1/reports", params={"limit": "1"})).json()["items"]
    assert page["items"] == [item]
    detail(await api.get("/v1/reports", params={"limit": "11"}), 400)
    assert (await api.delete(PATH)).status_code == 204
    assert (await asyncio.to_thread(kept.read, "example.org")).items == ()
    await asyncio.to_thread(kept.add, ours("b"))
    await api.delete("/v1/domains/example.org", params={"recursive": "true"})
    with pytest.raises(DocumentMissing):
        await asyncio.to_thread(kept.read, "example.org")


async def test_nonsense_is_refused(api: httpx.AsyncClient) -> None:
    """One sentence says what."""
    refused = await api.put(PATH, json={"items": [{"kind": "dmarc"}]})
    assert "items.0" in detail(refused, 422)
    detail(await api.put(PATH, json={"domain": "closed.example"}), 422)


async def test_several_readers_lose_nothing(kept: Shelf) -> None:
    """Replicas of the filter write at once; who loses the race reads again."""
    names = [f"{n}" for n in range(4)]
    await asyncio.gather(*(asyncio.to_thread(kept.add, ours(name)) for name in names))
    found = await asyncio.to_thread(kept.read, "example.org")
    assert sorted(one.identity for one in found.items) == names


async def test_what_does_not_fit_is_the_report_s_fault(kept: Shelf) -> None:
    """It is no reason to try again."""
    with pytest.raises(InvalidDocument):
        await asyncio.to_thread(kept.add, ours("x" * 300))


async def test_the_export_has_them(api: httpx.AsyncClient, kept: Shelf) -> None:
    """So has a backup; what was exported can be imported."""
    await asyncio.to_thread(kept.add, ours("a"))
    lines = (await api.get("/v1/export")).text.splitlines()
    (line,) = (line for line in lines if '"reports"' in line)
    await api.delete(PATH)
    answer = await api.post("/v1/import", content=f"{line}\n")
    assert answer.status_code == 200
    assert len((await asyncio.to_thread(kept.read, "example.org")).items) == 1
    assert shelf.parsed((await api.get(PATH)).json())[0].items == (ours("a"),)
