"""A real couchmail on stage, as its own account, with documents written through its API."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.daemons.stage import Running, running, site_for

from mailstack.daemons.couchmail import DAEMON

OFFSET = 2000


@asynccontextmanager
async def couchmail(
    state: Path, documents: Mapping[str, Mapping[str, Any]] | None = None
) -> AsyncIterator[Running]:
    """Start it, and ``PUT`` each document to its path."""
    async with running(DAEMON, site_for(DAEMON, state, offset=OFFSET)) as stage:
        await put(stage, *(documents or {}).items())
        yield stage


async def put(stage: Running, *documents: Sequence[Any]) -> None:
    """Write documents as the command line does: on the unix socket."""
    async with api(stage) as client:
        for path, document in documents:
            answer = await client.put(f"/v1/{path}", json=document)
            assert answer.is_success, answer.text


def api(stage: Running) -> httpx.AsyncClient:
    socket = stage.site.paths.run / "api.sock"
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    return httpx.AsyncClient(transport=transport, base_url="http://couchmail", timeout=60)
