"""The whole datastore in and out: export and import as JSON lines, and an online backup.

Export is of one moment and in an order that can be imported. Import is one transaction per batch;
its answer is a stream too, one line per batch, and the last line says how it ended, because the
status is long sent by then. Both work in constant memory, however many documents there are.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from mailstack.couchmail.api import bodies, schemas
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.importing import Import
from mailstack.couchmail.api.operations import Operation, Parameter
from mailstack.store.contract import Stored

NDJSON = "application/x-ndjson"
EXPORT_BATCH = 250
"""Documents between two turns of the event loop: about two milliseconds."""


async def export(request: Request) -> Response:
    documents = context(request).store.documents()
    first = list(islice(documents, EXPORT_BATCH))  # a store that fails is still a 503
    return Export(first, documents)


class _Stream(Response):
    """An answer that is sent as it is made.

    Not Starlette's StreamingResponse: that one reads the request's body while it sends, which an
    import needs itself, and imports anyio when it is first used (aio/privileges.py).
    """

    media_type = NDJSON

    def __init__(self) -> None:
        super().__init__()
        del self.headers["content-length"]

    async def begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

    async def end(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": b""})


class Export(_Stream):
    """Every document, a batch at a time, until the peer has all or is gone."""

    def __init__(self, first: list[Stored], rest: Iterator[Stored]) -> None:
        super().__init__()
        self._batch = first
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await self.begin(send)
            while self._batch and not gone.done():
                text = "".join(f"{stored.document.line()}\n" for stored in self._batch)
                await _send(send, text.encode())
                await asyncio.sleep(0)
                self._batch = list(islice(self._rest, EXPORT_BATCH))
            await self.end(send)
        finally:
            gone.cancel()
            self._rest.close()  # type: ignore[attr-defined]  # a generator; ends its transaction


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def import_(request: Request) -> Response:
    return Progress(Import(context(request).store, replace=bodies.flag(request, "replace")))


class Progress(_Stream):
    """Reads the request's body while it tells how far it is."""

    def __init__(self, run: Import) -> None:
        super().__init__()
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.begin(send)
        try:
            async for progress in self._run.progress(Request(scope, receive).stream()):
                await _send(send, json.dumps(progress).encode() + b"\n")
        except ClientDisconnect:
            return
        await self.end(send)


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def backup(request: Request) -> Response:
    found = context(request)
    found.backups.mkdir(mode=0o700, exist_ok=True)
    path = found.backups / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%fZ}.sqlite"
    await found.store.backup(path)
    answer = {"file": str(path), "octets": path.stat().st_size}
    return JSONResponse(answer, HTTPStatus.CREATED)


OPERATIONS = (
    Operation(
        "GET", "/v1/export", export, "Every document, one a line, with password hashes",
        answer_stream=NDJSON,
    ),
    Operation(
        "POST", "/v1/import", import_,
        'Write documents, one a line; the last line of the answer has "done" or "error"',
        parameters=(
            Parameter("replace", "Remove what is not among them, at the end.", "boolean"),
        ),
        body_stream=NDJSON, answer_stream=NDJSON, errors=(HTTPStatus.BAD_REQUEST,),
    ),
    Operation(
        "POST", "/v1/backup", backup, "Copy the store into a file beside it, while it is in use",
        answer=schemas.Backup, success=HTTPStatus.CREATED,
    ),
)  # fmt: skip
