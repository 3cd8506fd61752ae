"""The description of the API, which must be true and valid."""

from openapi_spec_validator import validate
from tests.unit.couchmail.running import Running

from mailstack.couchmail.api.app import OPERATIONS
from mailstack.couchmail.api.openapi import document


def test_it_is_valid() -> None:
    """An OpenAPI 3.1 document, by its own schema."""
    validate(document(OPERATIONS))


def test_it_describes_every_route() -> None:
    """Every path and method has its place, and each operation a name of its own."""
    paths = document(OPERATIONS)["paths"]
    described = {(path, method.upper()) for path, item in paths.items() for method in item}
    assert described == {(operation.path, operation.method) for operation in OPERATIONS}
    names = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert len(names) == len(set(names))


async def test_it_is_served(couchmail: Running) -> None:
    """As /openapi.json, to everybody."""
    async with couchmail.on_tcp() as client:
        answer = await client.get("/openapi.json")
    assert answer.json() == document(OPERATIONS)
