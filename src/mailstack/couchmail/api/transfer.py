"""The whole datastore in and out: export and import as JSON lines, and an online backup.

Export is of one moment and in an order that can be imported. Import is one transaction per batch;
its answer is a stream too, one line per batch, and the last line says how it ended, because the
status is long sent by then. Both work in constant memory, however many documents there are.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
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
    return StreamingResponse(_lines(first, documents), media_type=NDJSON)


async def _lines(batch: list[Stored], documents: Iterator[Stored]) -> AsyncIterator[str]:
    try:
        while batch:
            yield "".join(f"{stored.document.line()}\n" for stored in batch)
            await asyncio.sleep(0)
            batch = list(islice(documents, EXPORT_BATCH))
    finally:
        documents.close()  # type: ignore[attr-defined]  # a generator; ends its read transaction


async def import_(request: Request) -> Response:
    run = Import(context(request).store, replace=bodies.flag(request, "replace"))
    return _Progress(run)


class _Progress(Response):
    """Reads the request's body while it sends the answer.

    Starlette's StreamingResponse would itself read the body, to notice a peer that is gone.
    """

    media_type = NDJSON

    def __init__(self, run: Import) -> None:
        super().__init__(media_type=NDJSON)
        del self.headers["content-length"]
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for progress in self._run.progress(Request(scope, receive).stream()):
                await _send_line(send, progress)
        except ClientDisconnect:
            return
        await send({"type": "http.response.body", "body": b""})


async def _send_line(send: Send, line: dict[str, Any]) -> None:
    body = json.dumps(line).encode() + b"\n"
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
