"""docs/reference/api.md, from the operations of couchmail's HTTP API."""

from collections.abc import Iterable

from pydantic import BaseModel

from mailstack.couchmail.api.app import OPERATIONS
from mailstack.couchmail.api.operations import Operation
from mailstack.generate.markdown import code, page, table

_ABOUT = """\
couchmail is the only writer in front of the datastore; the command line is a client of this API.
On one machine it listens on STATE/run/couchmail/api.sock, for root and for couchmail's own account,
and on its `api` port for whoever has the bearer token in STATE/secure/api.token. `/openapi.json` is
the same in OpenAPI 3.1.

Every answer with a document carries its revision as ETag. `If-Match` makes a write conditional: 412
means that somebody else was faster. Errors are problem+json (RFC 9457); `detail` is one sentence
for a person.
"""


def api_page() -> str:
    """Every operation, with its parameters and bodies."""
    return page(
        "HTTP API of couchmail",
        "src/mailstack/couchmail/api/",
        _ABOUT,
        "## Operations\n",
        table(
            ("Method", "Path", "What it does", "Parameters", "Body", "Answer"), _rows(OPERATIONS)
        ),
        "## Documents\n",
        *(_shape(model) for model in _models(OPERATIONS)),
    )


def _rows(operations: Iterable[Operation]) -> Iterable[tuple[str, ...]]:
    for operation in operations:
        yield (
            operation.method,
            code(operation.path),
            operation.summary,
            ", ".join(code(parameter.name) for parameter in operation.parameters),
            _content(operation.body, operation.body_stream),
            f"{int(operation.success)} {_content(operation.answer, operation.answer_stream)}",
        )


def _content(model: type[BaseModel] | None, stream: str) -> str:
    return f"[{model.__name__}](#{model.__name__.lower()})" if model else stream


def _models(operations: Iterable[Operation]) -> list[type[BaseModel]]:
    named = {m for o in operations for m in (o.body, o.answer) if m is not None}
    return sorted(named, key=lambda model: model.__name__)


def _shape(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    needed = schema.get("required", [])
    rows = [
        (code(name), "yes" if name in needed else "", _type(field), field.get("description", ""))
        for name, field in schema["properties"].items()
    ]
    about = " ".join((model.__doc__ or "").split())
    head = ("Field", "Required", "Type", "Meaning")
    return "\n\n".join(part for part in (f"### {model.__name__}", about, table(head, rows)) if part)


def _type(field: object) -> str:  # noqa: PLR0911 - one answer for each form of a schema
    match field:
        case {"const": value}:
            return f'"{value}"'
        case {"enum": [*values]}:
            return ", ".join(f'"{value}"' for value in values)
        case {"anyOf": [*choices]}:
            return " or ".join(_type(choice) for choice in choices)
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items)}"
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"type": str(kind)}:
            return kind
        case _:
            return ""
