"""The OpenAPI 3.1 document, derived from the operations and the schemas they name."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mailstack import __version__
from mailstack.couchmail.api import problems, schemas
from mailstack.couchmail.api.operations import Operation, Parameter

_REFERENCE = "#/components/schemas/{model}"
Json = dict[str, Any]


def document(operations: Sequence[Operation]) -> Json:
    """Build the document for these operations."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "couchmail",
            "version": __version__,
            "summary": "Domains, users, aliases, sieve scripts and spam profiles of a mailstack.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": _paths(operations),
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths(operations: Iterable[Operation]) -> Json:
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> Json:
    told: Json = {
        "operationId": _identity(operation),
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.path), *map(_parameter, operation.parameters)],
        "responses": _responses(operation),
    }
    if body := _content(operation.body, operation.body_stream):
        told["requestBody"] = {"required": True, "content": body}
    if operation.open:
        told["security"] = []
    return told


def _identity(operation: Operation) -> str:
    words = operation.path.removeprefix("/v1").replace("{", "").replace("}", "").strip("/")
    return f"{operation.method.lower()}_{words.replace('/', '_')}"


def _path_parameters(path: str) -> list[Json]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text,
        "schema": {"type": parameter.type},
    }


def _responses(operation: Operation) -> Json:
    good: Json = {"description": operation.success.phrase}
    if content := _content(operation.answer, operation.answer_stream):
        good["content"] = content
    failed = {
        problems.MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model=schemas.Problem.__name__)}}
    }
    bad = {
        str(int(status)): {"description": status.phrase, "content": failed}
        for status in (*operation.errors, *_everywhere(operation))
    }
    return {str(int(operation.success)): good, **bad}


def _everywhere(operation: Operation) -> tuple[HTTPStatus, ...]:
    if operation.open:
        return ()
    return (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE)


def _content(model: type[BaseModel] | None, stream: str) -> Json | None:
    if model is not None:
        return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}
    return {stream: {"schema": {"type": "string"}}} if stream else None


def _schemas(operations: Iterable[Operation]) -> Json:
    models: set[type[BaseModel]] = {schemas.Problem}
    for operation in operations:
        models |= {model for model in (operation.body, operation.answer) if model is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, told = models_json_schema([(one, "validation") for one in ordered], ref_template=_REFERENCE)
    found: Json = told["$defs"]
    return found
