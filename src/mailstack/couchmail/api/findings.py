"""What ``mailstack doctor`` found last: put by it, read by ``mailstack status``."""

from http import HTTPStatus
from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.operations import Operation
from mailstack.errors import DocumentMissing, InvalidDocument
from mailstack.model.examination import Counts, Examination

PATH: Final = "/v1/findings"


class ShownExamination(Examination):
    """What the last examination found."""

    summary: Counts


async def get(request: Request) -> Response:
    last = context(request).examinations.last
    if last is None:
        raise DocumentMissing("the stack has not been examined yet")
    return JSONResponse(_shown(last))


async def put(request: Request) -> Response:
    fields = await bodies.json_object(request)
    try:
        examination = Examination.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise InvalidDocument(f"{place}: {first['msg']}") from error
    context(request).examinations.keep(examination)
    return JSONResponse(_shown(examination))


def _shown(examination: Examination) -> dict[str, Any]:
    summary = examination.sum().model_dump(mode="json")
    return {**examination.model_dump(mode="json"), "summary": summary}


OPERATIONS: Final = (
    Operation(
        "GET", PATH, get, "Show what the last examination found",
        answer=ShownExamination, errors=(HTTPStatus.NOT_FOUND,),
    ),
    Operation(
        "PUT", PATH, put, "Keep what an examination found; for mailstack doctor",
        body=Examination, answer=ShownExamination,
        errors=(HTTPStatus.UNPROCESSABLE_ENTITY,),
    ),
)  # fmt: skip
