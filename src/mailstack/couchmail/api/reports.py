"""What others report about each domain (DMARC, TLS): written by whoever reads such reports.

It is in the datastore so that all replicas of the filter write to one place, and a backup has it.
"""

from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies, of_domain, schemas
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.operations import IF_MATCH, IF_NONE_MATCH, Operation, Parameter
from mailstack.model.documents import Reports

PATH: Final = "/v1/domains/{name}/reports"
MAX_PAGE: Final = 10
"""A quarter of a megabyte each, at the most."""


async def get_page(request: Request) -> Response:
    return of_domain.page(request, "reports", Reports, _shown, MAX_PAGE)


async def get(request: Request) -> Response:
    domain = of_domain.domain(request)
    found = of_domain.read(context(request).store, domain, "reports", Reports)
    return JSONResponse(_shown(*found), headers=bodies.etag(found[1]))


async def put(request: Request) -> Response:
    document, revision = await of_domain.put(request, "reports", Reports)
    return JSONResponse(
        {"domain": document.domain, "revision": revision}, headers=bodies.etag(revision)
    )


async def delete(request: Request) -> Response:
    """Forget what was reported about a domain."""
    return await of_domain.remove(request, "reports")


def _shown(document: Reports, revision: str) -> dict[str, Any]:
    return {**document.model_dump(mode="json"), "revision": revision}


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/reports", get_page, "List what others report about all domains",
        parameters=(
            Parameter("after", "Domain of the last one of the page before."),
            Parameter("limit", f"At most so many, up to {MAX_PAGE}.", "integer"),
        ),
        answer=schemas.ReportsPage,
    ),
    Operation(
        "GET", PATH, get, "Show what others report about a domain",
        answer=schemas.ShownReports, errors=(HTTPStatus.NOT_FOUND,),
    ),
    Operation(
        "PUT", PATH, put, "Write the reports about a domain whole; for who reads them",
        parameters=(IF_MATCH, IF_NONE_MATCH), body=Reports, answer=schemas.WrittenReports,
        errors=of_domain.UNWRITABLE,
    ),
    Operation(
        "DELETE", PATH, delete, "Forget what others reported about a domain",
        parameters=(IF_MATCH,), success=HTTPStatus.NO_CONTENT,
        errors=(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    ),
)  # fmt: skip
