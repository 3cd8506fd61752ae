"""Errors as problem+json (RFC 9457): a status, a title, and one sentence for a person."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mailstack.errors import (
    DocumentExists,
    DocumentMissing,
    InvalidDocument,
    MailstackError,
    RevisionConflict,
    StoreMissing,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[MailstackError], HTTPStatus] = {
    InvalidDocument: HTTPStatus.UNPROCESSABLE_ENTITY,
    DocumentExists: HTTPStatus.CONFLICT,
    DocumentMissing: HTTPStatus.NOT_FOUND,
    RevisionConflict: HTTPStatus.PRECONDITION_FAILED,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreMissing: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What each error of the store is in HTTP."""


class Refused(Exception):
    """A request that fails for a reason of HTTP: a bad body, a wrong precondition, no right."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Build the answer that tells of an error."""
    body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return Response(json.dumps(body), status, headers, MEDIA_TYPE)


async def refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for this type
    return problem(error.status, error.detail)


async def of_the_store(_: Request, error: Exception) -> Response:
    """Answer with what the store said. Where it is stored stays in our log."""
    assert isinstance(error, MailstackError)  # noqa: S101 - registered for this type
    status = STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("an API request failed: %s", error)
        headers = {"retry-after": "1"}
        return problem(status, "the datastore cannot answer now; try again later", headers)
    return problem(status, str(error))


async def of_http(_: Request, error: Exception) -> Response:
    """Answer for a path or method that no route has."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: "there is nothing at this path; /openapi.json lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: "this path does not know that method",
    }.get(status, error.detail)
    return problem(status, detail, error.headers)


async def of_a_bug(_: Request, error: Exception) -> Response:
    """Answer for what should not happen; starlette raises it again for the log."""
    del error
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "couchmail failed; its log says how")


async def refuse(scope: Scope, receive: Receive, send: Send, status: HTTPStatus, why: str) -> None:
    """Answer with a problem outside any route."""
    headers = {"www-authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    await problem(status, why, headers)(scope, receive, send)
