"""Export, import and backup."""

import json
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.unit.couchmail.running import DOCUMENTS, HASH, Running


async def export(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/v1/export")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def import_(
    client: httpx.AsyncClient, lines: list[str], *, replace: bool = False
) -> list[dict[str, Any]]:
    async def body() -> AsyncIterator[bytes]:
        for line in lines:
            yield line.encode() + b"\n"

    answer = await client.post("/v1/import", content=body(), params={"replace": replace})
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_what_is_exported_can_be_imported(couchmail: Running) -> None:
    """Everything comes out, with hashes, and goes in again as it was."""
    async with couchmail.on_socket() as client:
        found = await export(client)
        assert len(found) == len(DOCUMENTS)
        assert {"type": "user", "address": "bob@example.org", "password": HASH,
                "quota": None, "enabled": True} in found  # fmt: skip
        told = await import_(client, [json.dumps(one) for one in found], replace=True)
        assert told[-1] == {"imported": len(found), "removed": 0, "done": True}
        assert await export(client) == found


def domain(name: str) -> str:
    return json.dumps({"type": "domain", "name": name})


def user(address: str) -> str:
    return json.dumps({"type": "user", "address": address, "password": HASH})


def alias(address: str, target: str) -> str:
    return json.dumps({"type": "alias", "address": address, "targets": [target]})


async def test_replace_removes_the_rest_at_the_end(couchmail: Running) -> None:
    """Documents that were not among the lines go, when all lines were good."""
    async with couchmail.on_socket() as client:
        lines = [domain("example.org"), user("bob@example.org")]
        told = await import_(client, lines, replace=True)
        assert told[-1] == {"imported": 2, "removed": len(DOCUMENTS) - 2, "done": True}
        assert [one["type"] for one in await export(client)] == ["domain", "user"]


@pytest.mark.parametrize(
    ("lines", "number", "words"),
    [
        (["", "{"], 3, "not JSON"),
        (['{"type":"robot"}'], 2, "no known type"),
        ([user("x@nowhere.example")], 2, "nowhere.example"),
        ([alias("a@new.example", "b@new.example"), alias("b@new.example", "a@new.example")], 2, ""),
    ],
)
async def test_a_bad_line_is_named(
    couchmail: Running, lines: list[str], number: int, words: str
) -> None:
    """Its number and a sentence; nothing of its batch is written, and nothing is removed."""
    async with couchmail.on_socket() as client:
        before = await export(client)
        told = (await import_(client, [domain("new.example"), *lines], replace=True))[-1]
        assert (told["line"], "done" in told) == (number, False)
        assert words in told["error"]
        assert await export(client) == before


async def test_batches_before_the_bad_line_stay(couchmail: Running) -> None:
    """Progress lines tell what has been written, one transaction each."""
    lines = [json.dumps({"type": "domain", "name": f"d{n}.example"}) for n in range(1500)]
    async with couchmail.on_socket() as client:
        told = await import_(client, [*lines, "nonsense"])
        assert told[0] == {"imported": 1000}
        assert told[-1]["imported"] == 1000
        assert told[-1]["line"] == 1501
        listed = (await client.get("/v1/domains", params={"limit": 1})).json()
        assert listed["total"] == 1002


async def test_an_endless_line_is_refused(couchmail: Running) -> None:
    """Memory stays bounded, whatever is sent."""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b"x" * 65_536

    async with couchmail.on_socket() as client:
        answer = await client.post("/v1/import", content=body())
        assert "octets" in json.loads(answer.text.splitlines()[-1])["error"]


async def test_a_backup_is_a_store(couchmail: Running) -> None:
    """The copy is whole, private, and made while the store is in use."""
    async with couchmail.on_socket() as client:
        told = (await client.post("/v1/backup")).json()
    with sqlite3.connect(told["file"]) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
    assert told["octets"] > 0
