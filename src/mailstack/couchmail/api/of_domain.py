"""What a domain has once, whole in one document: found by the domain in the path.

A domain that has none yet is answered with an empty one and no revision; one that is not hosted is
not found.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies, documents
from mailstack.couchmail.api.context import context
from mailstack.errors import DocumentMissing, InvalidDocument
from mailstack.model.documents import Dkim, Key, Reports, make_document
from mailstack.model.domains import parse_domain
from mailstack.store.contract import Store

T = TypeVar("T", Dkim, Reports)
UNWRITABLE = (
    HTTPStatus.NOT_FOUND,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


def domain(request: Request) -> str:
    """The domain in the path.

    Raises:
        DocumentMissing: none can have such a name.
    """
    try:
        return parse_domain(request.path_params["name"])
    except ValueError as error:
        raise DocumentMissing(str(error)) from error


def read(store: Store, name: str, kind: Literal["dkim", "reports"], of: type[T]) -> tuple[T, str]:
    """The document and its revision; an empty one and none where there is none yet.

    Raises:
        DocumentMissing: the domain is not hosted.
    """
    store.get(Key("domain", name))
    try:
        found, revision = store.get(Key(kind, name))
    except DocumentMissing:
        return of.model_validate({"domain": name}), ""
    if not isinstance(found, of):
        raise TypeError(f"{found.key} is no {of.__name__}")
    return found, revision


async def put(request: Request, kind: Literal["dkim", "reports"], of: type[T]) -> tuple[T, str]:
    """Write the whole document of the body; return it with its revision.

    Raises:
        InvalidDocument: the body breaks a rule, or names another domain.
    """
    name = domain(request)
    fields = await bodies.json_object(request)
    document = make_document({"type": kind, "domain": name, **fields})
    if not isinstance(document, of) or document.domain != name:
        raise InvalidDocument(f"the body names another document than the {Key(kind, name)}")
    return document, await documents.put(context(request).store, document, bodies.expected(request))


async def remove(request: Request, kind: Literal["dkim", "reports"]) -> Response:
    """Forget it."""
    await context(request).store.remove(Key(kind, domain(request)), bodies.expected(request))
    return Response(status_code=HTTPStatus.NO_CONTENT)


def page(
    request: Request,
    kind: Literal["dkim", "reports"],
    of: type[T],
    show: Callable[[T, str], dict[str, Any]],
    most: int,
) -> Response:
    """Those of all domains, ordered by domain, ``most`` at once."""
    store = context(request).store
    limit = bodies.number(request, "limit", default=min(100, most), most=most) or most
    after = request.query_params.get("after", "").lower()
    found = store.page(kind, after=after, limit=limit)
    following = found[-1].document.key.name if len(found) == limit else None
    items = [show(one.document, one.revision) for one in found if isinstance(one.document, of)]
    more = {"total": store.count(kind), "position": store.position()}
    return JSONResponse({"items": items, "next": following, **more})
