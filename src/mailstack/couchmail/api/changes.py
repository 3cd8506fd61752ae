"""The change feed: what happened after a position, by long polling.

This is how agents and caches learn of a change: ask with the position that the last answer gave,
and with ``wait``; the answer comes with the change.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies, schemas
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.operations import Operation, Parameter

MAX_WAIT_S = 60
"""Below the idle time after which proxies on the way give a connection up."""
MAX_CHANGES = 1000
_MAX_POSITION = 2**63 - 1


async def changes(request: Request) -> Response:
    store = context(request).store
    since = bodies.number(request, "since", default=0, most=_MAX_POSITION)
    limit = bodies.number(request, "limit", default=MAX_CHANGES, most=MAX_CHANGES) or MAX_CHANGES
    wait_s = bodies.number(request, "wait", default=0, most=MAX_WAIT_S)
    found = store.changes(since, limit)
    if not found and wait_s:
        await store.wait_for_change(since, wait_s)
        found = store.changes(since, limit)
    rows = [
        {"position": c.position, "type": c.key.kind, "name": c.key.name, "revision": c.revision}
        for c in found
    ]
    position = found[-1].position if found else store.position()
    return JSONResponse({"changes": rows, "position": position})


OPERATIONS = (
    Operation(
        "GET", "/v1/changes", changes, "What changed after a position, oldest first",
        parameters=(
            Parameter("since", "A position; 0 is the beginning.", "integer"),
            Parameter("limit", f"At most so many, up to {MAX_CHANGES}.", "integer"),
            Parameter("wait", f"Seconds to wait if nothing did, up to {MAX_WAIT_S}.", "integer"),
        ),
        answer=schemas.Changes, errors=(HTTPStatus.BAD_REQUEST,),
    ),
)  # fmt: skip
