"""Is it alive, can it answer, what does it count. These three need no token."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.operations import Operation
from mailstack.couchmail.api.problems import problem
from mailstack.errors import StoreMissing
from mailstack.observe.metrics import CONTENT_TYPE

MISSING = (
    "the datastore is not there, although there was one; mount its volume, or put a backup in its "
    "place (couchmail's log says where)"
)


async def healthz(_: Request) -> Response:
    """Alive. Says nothing of the store: to restart couchmail would not repair that."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """Ready when the store answers; 503 with a problem when it does not.

    That its file is missing is told here, too: it is the one fault that only the owner can mend.
    """
    try:
        context(request).store.position()
    except StoreMissing:
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, MISSING, {"retry-after": "1"})
    return PlainTextResponse("ok\n")


async def metrics(request: Request) -> Response:
    page = context(request).metrics.exposition()
    return Response(page, media_type=CONTENT_TYPE)


_TEXT = "text/plain"

OPERATIONS = (
    Operation("GET", "/healthz", healthz, "Is the process alive?", answer_stream=_TEXT, open=True),
    Operation(
        "GET", "/readyz", readyz, "Does the store answer?",
        answer_stream=_TEXT, open=True, errors=(HTTPStatus.SERVICE_UNAVAILABLE,),
    ),
    Operation("GET", "/metrics", metrics, "Numbers for Prometheus", answer_stream=_TEXT, open=True),
)  # fmt: skip
