"""Puts the operations together into one ASGI application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailstack.couchmail.api import (
    belongings,
    changes,
    dkim,
    findings,
    health,
    openapi,
    problems,
    reports,
    sieve,
    transfer,
)
from mailstack.couchmail.api.context import Context, Handler
from mailstack.couchmail.api.documents import COLLECTIONS
from mailstack.couchmail.api.operations import Operation
from mailstack.errors import MailstackError


async def _openapi(request: Request) -> Response:
    return JSONResponse(request.app.state.openapi)


OPERATIONS: tuple[Operation, ...] = (
    *(operation for collection in COLLECTIONS for operation in collection.operations()),
    *sieve.OPERATIONS,
    *belongings.OPERATIONS,
    *dkim.OPERATIONS,
    *reports.OPERATIONS,
    *changes.OPERATIONS,
    *transfer.OPERATIONS,
    *findings.OPERATIONS,
    *health.OPERATIONS,
    Operation(
        "GET", "/openapi.json", _openapi, "This document",
        answer_stream="application/json", open=True,
    ),
)  # fmt: skip

OPEN_PATHS = tuple(operation.path for operation in OPERATIONS if operation.open)
"""What needs no token: health, metrics, and the description of the API."""


def application(context: Context) -> Starlette:
    """Build the application, without any check of who asks."""
    app = Starlette(
        routes=_routes(),
        exception_handlers={
            problems.Refused: problems.refused,
            MailstackError: problems.of_the_store,
            HTTPException: problems.of_http,
            Exception: problems.of_a_bug,
        },
    )
    app.state.context = context
    app.state.openapi = openapi.document(OPERATIONS)
    return app


def _routes() -> list[Route]:
    """One route for each path, so that a wrong method is told all the right ones (Allow)."""
    paths: dict[str, dict[str, Handler]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation.handler
    return [Route(path, _choose(handlers), methods=[*handlers]) for path, handlers in paths.items()]


def _choose(handlers: dict[str, Handler]) -> Handler:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return endpoint
