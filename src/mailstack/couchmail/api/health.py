"""Is it alive, can it answer, what does it count. These three need no token."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.operations import Operation
from mailstack.observe.metrics import CONTENT_TYPE


async def healthz(_: Request) -> Response:
    """Alive. Says nothing of the store: to restart couchmail would not repair that."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """Ready when the store answers; 503 with a problem when it does not."""
    context(request).store.position()
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
