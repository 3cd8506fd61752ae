"""The DKIM keys of each domain: what is public of them, and the wish for new ones.

Keys are made and moved on by the service that signs (``mailstack.dkim``), which alone can open the
private halves; here they are stored and handed on as they came. A domain without keys of its own
is no error: the stack's one key signs for it.
"""

from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies, documents, schemas
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.documents import ATTEMPTS, MAX_PAGE
from mailstack.couchmail.api.operations import IF_MATCH, IF_NONE_MATCH, Operation, Parameter
from mailstack.errors import DocumentExists, DocumentMissing, InvalidDocument, RevisionConflict
from mailstack.model.dkim import Dkim, DkimKey, record_name
from mailstack.model.documents import Key, make_document
from mailstack.model.domains import parse_domain
from mailstack.store.contract import Expected, Store

PATH: Final = "/v1/domains/{name}/dkim"
_SEALED: Final = Parameter(
    "sealed", "With the private halves, which only the signing service can open.", "boolean"
)


async def get_page(request: Request) -> Response:
    store = context(request).store
    limit = bodies.number(request, "limit", default=100, most=MAX_PAGE) or MAX_PAGE
    after = request.query_params.get("after", "").lower()
    found = store.page("dkim", after=after, limit=limit)
    following = found[-1].document.key.name if len(found) == limit else None
    sealed = bodies.flag(request, "sealed")
    items = [
        _shown(one.document, one.revision, sealed=sealed)
        for one in found
        if isinstance(one.document, Dkim)
    ]
    more = {"total": store.count("dkim"), "position": store.position()}
    return JSONResponse({"items": items, "next": following, **more})


async def get(request: Request) -> Response:
    document, revision = _read(context(request).store, _domain(request))
    shown = _shown(document, revision, sealed=bodies.flag(request, "sealed"))
    return JSONResponse(shown, headers=bodies.etag(revision))


async def put(request: Request) -> Response:
    domain = _domain(request)
    fields = await bodies.json_object(request)
    document = make_document({"type": "dkim", "domain": domain, **fields})
    if not isinstance(document, Dkim) or document.domain != domain:
        raise InvalidDocument(f"the body names another document than the DKIM keys of {domain}")
    revision = await documents.put(context(request).store, document, bodies.expected(request))
    return JSONResponse(_shown(document, revision), headers=bodies.etag(revision))


async def delete(request: Request) -> Response:
    """Forget all keys of a domain; the signing service makes new ones."""
    key = Key("dkim", _domain(request))
    await context(request).store.remove(key, bodies.expected(request))
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def rotate(request: Request) -> Response:
    """Note that new keys are wanted; the signing service hears of it by the feed."""
    store, domain = context(request).store, _domain(request)
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


def _domain(request: Request) -> str:
    try:
        return parse_domain(request.path_params["name"])
    except ValueError as error:
        raise DocumentMissing(str(error)) from error


def _read(store: Store, domain: str) -> tuple[Dkim, str]:
    """The keys and their revision; none of both for a domain that has no keys yet.

    Raises:
        DocumentMissing: the domain is not hosted.
    """
    store.get(Key("domain", domain))
    try:
        found, revision = store.get(Key("dkim", domain))
    except DocumentMissing:
        return Dkim.model_validate({"domain": domain}), ""
    if not isinstance(found, Dkim):
        raise TypeError(f"{found.key} is no document of DKIM keys")
    return found, revision


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
        errors=(
            HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.UNPROCESSABLE_ENTITY,
        ),
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
