"""The DKIM keys of each domain: what is public of them, and the wish for new ones.

Keys are made and moved on by the service that signs (``mailstack.dkim``), which alone can open the
private halves; here they are stored and handed on as they came. A domain without keys of its own
is no error: the stack's one key signs for it.
"""

from functools import partial
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies, of_domain, schemas
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.documents import ATTEMPTS, MAX_PAGE
from mailstack.couchmail.api.operations import IF_MATCH, IF_NONE_MATCH, Operation, Parameter
from mailstack.errors import DocumentExists, RevisionConflict
from mailstack.model.dkim import Dkim, DkimKey, record_name
from mailstack.store.contract import Expected, Store

PATH: Final = "/v1/domains/{name}/dkim"
_SEALED: Final = Parameter(
    "sealed", "With the private halves, which only the signing service can open.", "boolean"
)


async def get_page(request: Request) -> Response:
    sealed = bodies.flag(request, "sealed")
    show = partial(_shown, sealed=sealed)
    return of_domain.page(request, "dkim", Dkim, show, MAX_PAGE)


async def get(request: Request) -> Response:
    document, revision = _read(context(request).store, of_domain.domain(request))
    shown = _shown(document, revision, sealed=bodies.flag(request, "sealed"))
    return JSONResponse(shown, headers=bodies.etag(revision))


async def put(request: Request) -> Response:
    document, revision = await of_domain.put(request, "dkim", Dkim)
    return JSONResponse(_shown(document, revision), headers=bodies.etag(revision))


async def delete(request: Request) -> Response:
    """Forget all keys of a domain; the signing service makes new ones."""
    return await of_domain.remove(request, "dkim")


async def rotate(request: Request) -> Response:
    """Note that new keys are wanted; the signing service hears of it by the feed."""
    store, domain = context(request).store, of_domain.domain(request)
    for attempt in range(ATTEMPTS):
        document, revision = _read(store, domain)
        expected: Expected = revision or None
        wanted = document.model_copy(update={"wanted": True})
        try:
            revision = await store.put(wanted, expected)
        except (RevisionConflict, DocumentExists):
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return JSONResponse(_shown(wanted, revision), HTTPStatus.ACCEPTED)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _read(store: Store, domain: str) -> tuple[Dkim, str]:
    return of_domain.read(store, domain, "dkim", Dkim)


def _shown(document: Dkim, revision: str, *, sealed: bool = False) -> dict[str, Any]:
    items = [_shown_key(document, key, sealed=sealed) for key in document.keys]
    return {
        "type": "dkim",
        "domain": document.domain,
        "items": items,
        "wanted": document.wanted,
        "revision": revision,
    }


def _shown_key(document: Dkim, key: DkimKey, *, sealed: bool) -> dict[str, Any]:
    shown = {
        **key.model_dump(mode="json", exclude={"private"}),
        "name": record_name(key.selector, document.domain),
        "record": key.record,
    }
    return {**shown, "sealed": key.private} if sealed else shown


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/dkim", get_page, "List the DKIM keys of all domains",
        parameters=(
            Parameter("after", "Domain of the last one of the page before."),
            Parameter("limit", f"At most so many, up to {MAX_PAGE}.", "integer"),
            _SEALED,
        ),
        answer=schemas.Dkims,
    ),
    Operation(
        "GET", PATH, get, "Show the DKIM keys of a domain",
        parameters=(_SEALED,), answer=schemas.ShownDkim, errors=(HTTPStatus.NOT_FOUND,),
    ),
    Operation(
        "PUT", PATH, put, "Write the DKIM keys of a domain whole; for the signing service",
        parameters=(IF_MATCH, IF_NONE_MATCH), body=Dkim, answer=schemas.ShownDkim,
        errors=of_domain.UNWRITABLE,
    ),
    Operation(
        "DELETE", PATH, delete, "Forget the DKIM keys of a domain; new ones are made",
        parameters=(IF_MATCH,), success=HTTPStatus.NO_CONTENT,
        errors=(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    ),
    Operation(
        "POST", f"{PATH}/rotate", rotate, "Have new DKIM keys made for a domain",
        answer=schemas.ShownDkim, success=HTTPStatus.ACCEPTED, errors=(HTTPStatus.NOT_FOUND,),
    ),
)  # fmt: skip
