"""What a request says, read with bounds: its JSON body, its query, its preconditions."""

import json
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request

from mailstack.couchmail.api.problems import Refused
from mailstack.store.contract import ANY, Expected

MAX_BODY = 8 * 1024**2
"""Octets of one document. A sieve script has at most 1 MiB, and JSON may write six for one."""


async def json_object(request: Request) -> dict[str, Any]:
    """Read the body: one JSON object.

    Raises:
        Refused: too large, no JSON, or no object.
    """
    try:
        found = json.loads(await _body(request))
    except (ValueError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
    return found


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise Refused(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {MAX_BODY} octets"
                )
    except ClientDisconnect as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "the connection closed within the body") from error
    return bytes(body)


def number(request: Request, name: str, *, default: int, most: int) -> int:
    """Read a whole number of the query.

    Raises:
        Refused: no number, or out of range.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):  # noqa: PLR2004 - digits of 2**63
        raise Refused(HTTPStatus.BAD_REQUEST, f"{name!r} is a whole number from 0 to {most}")
    return int(text)


def flag(request: Request, name: str) -> bool:
    """Read a yes or no of the query; absent is no.

    Raises:
        Refused: neither ``true`` nor ``false``.
    """
    text = request.query_params.get(name, "false").lower()
    if text not in {"true", "false", "1", "0", ""}:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{name!r} is true or false")
    return text in {"true", "1", ""}


def expected(request: Request) -> Expected:
    """The precondition of a write: ``If-Match: "REVISION"``, or ``If-None-Match: *`` to create.

    Raises:
        Refused: any other form of these headers, which RFC 9110 would allow.
    """
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if none_match is not None:
        if none_match.strip() != "*" or match is not None:
            raise Refused(HTTPStatus.BAD_REQUEST, "If-None-Match stands alone, and is *")
        return None
    if match is None:
        return ANY
    word = match.strip()
    if len(word) < 3 or word[0] != '"' or word[-1] != '"' or '"' in word[1:-1]:  # noqa: PLR2004 - "x"
        raise Refused(HTTPStatus.BAD_REQUEST, 'If-Match is one ETag, as "17"')
    return word[1:-1]


def etag(revision: str) -> dict[str, str]:
    """The header that carries a revision."""
    return {"etag": f'"{revision}"'}
