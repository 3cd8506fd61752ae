"""One operation of the API: the route, and what the OpenAPI document says of it.

Both are derived from the same record, so the document cannot promise a path that is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import BaseModel

from mailstack.couchmail.api.context import Handler


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of the query, or a header."""

    name: str
    text: str
    type: str = "string"
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Operation:
    """``path`` is a template, as in ``/v1/users/{address}``."""

    method: str
    path: str
    handler: Handler
    summary: str
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    """Schema of the JSON body."""
    body_stream: str = ""
    """Media type of a body that is no JSON document."""
    answer: type[BaseModel] | None = None
    """Schema of the JSON answer."""
    answer_stream: str = ""
    """Media type of an answer that is no JSON document."""
    success: HTTPStatus = HTTPStatus.OK
    errors: tuple[HTTPStatus, ...] = ()
    open: bool = False
    """Needs no token: health and metrics."""
    tag: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)


IF_MATCH = Parameter("If-Match", "Only if this is still the revision, as an ETag.", place="header")
IF_NONE_MATCH = Parameter("If-None-Match", "*: only if there is none yet.", place="header")
