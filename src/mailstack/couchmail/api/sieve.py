"""Sieve scripts of a user, or of a domain (``@domain``): list, read, write, activate, remove."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies, schemas
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.documents import exists, put, shown
from mailstack.couchmail.api.operations import IF_MATCH, IF_NONE_MATCH, Operation
from mailstack.errors import DocumentMissing, InvalidDocument, WriteRefused
from mailstack.model.addresses import parse_alias_address, split_address
from mailstack.model.documents import Key, Sieve, make_document, script_key
from mailstack.store.contract import Put, Remove, Store, Stored

_LIST = "/v1/users/{name}/sieve"
_ITEM = "/v1/users/{name}/sieve/{script}"


def _owner(request: Request) -> str:
    try:
        return parse_alias_address(request.path_params["name"])
    except ValueError as error:
        raise DocumentMissing(str(error)) from error


def _key(request: Request) -> Key:
    return script_key(_owner(request), request.path_params["script"])


def _stored(store: Store, key: Key) -> tuple[Sieve, str]:
    document, revision = store.get(key)
    assert isinstance(document, Sieve)  # noqa: S101 - the key says so
    return document, revision


async def list_scripts(request: Request) -> Response:
    store, owner = context(request).store, _owner(request)
    scripts = store.scripts(owner)
    if not scripts:
        local, domain = split_address(owner)
        store.get(Key("user", owner) if local else Key("domain", domain))
    return JSONResponse({"items": [script._asdict() for script in scripts]})


async def get(request: Request) -> Response:
    stored = context(request).store.get(_key(request))
    return JSONResponse(shown(stored), headers=bodies.etag(stored.revision))


async def put_script(request: Request) -> Response:
    store, expected, key = context(request).store, bodies.expected(request), _key(request)
    fields = await bodies.json_object(request)
    named = {"owner": _owner(request), "name": request.path_params["script"]}
    document = make_document({"type": "sieve", **named, **fields})
    if document.key != key:
        raise InvalidDocument(f"the body names {document.key}, the path {key}")
    created = expected is None or not exists(store, key)
    revision = await put(store, document, expected)
    status = HTTPStatus.CREATED if created else HTTPStatus.OK
    return JSONResponse(shown(Stored(document, revision)), status, bodies.etag(revision))


async def activate(request: Request) -> Response:
    return await _switch(request, active=True)


async def deactivate(request: Request) -> Response:
    return await _switch(request, active=False)


async def _switch(request: Request, *, active: bool) -> Response:
    """Make a script the one that runs, or not. The store takes care that it is the only one."""
    store = context(request).store
    document, revision = _stored(store, _key(request))
    if document.active is not active:
        document = document.model_copy(update={"active": active})
        revision = await store.put(document, revision)
    return JSONResponse(shown(Stored(document, revision)), headers=bodies.etag(revision))


async def rename(request: Request) -> Response:
    """In one transaction, so that an active script is in force at every moment."""
    store, key = context(request).store, _key(request)
    document, revision = _stored(store, key)
    fields = await bodies.json_object(request)
    renamed = make_document({**document.model_dump(), "name": fields.get("name")})
    if renamed.key != key:
        try:
            _, revision = await store.apply([Remove(key, revision), Put(renamed, None)])
        except WriteRefused as refused:
            raise refused.error from refused
    return JSONResponse(shown(Stored(renamed, revision)), headers=bodies.etag(revision))


async def delete(request: Request) -> Response:
    await context(request).store.remove(_key(request), bodies.expected(request))
    return Response(status_code=HTTPStatus.NO_CONTENT)


_MISSING, _GONE = HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED
_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY

OPERATIONS = (
    Operation(
        "GET", _LIST, list_scripts, "List the scripts of a user",
        answer=schemas.Scripts, errors=(_MISSING,),
    ),
    Operation("GET", _ITEM, get, "Show a script", answer=schemas.Script, errors=(_MISSING,)),
    Operation(
        "PUT", _ITEM, put_script, "Write a script",
        parameters=(IF_MATCH, IF_NONE_MATCH), body=schemas.ScriptBody, answer=schemas.Script,
        errors=(_GONE, _INVALID),
    ),
    Operation(
        "DELETE", _ITEM, delete, "Remove a script",
        parameters=(IF_MATCH,), success=HTTPStatus.NO_CONTENT, errors=(_MISSING, _GONE),
    ),
    Operation(
        "POST", f"{_ITEM}/rename", rename, "Give a script another name",
        body=schemas.ScriptRename, answer=schemas.Script,
        errors=(_MISSING, HTTPStatus.CONFLICT, _GONE, _INVALID),
    ),
    Operation(
        "POST", f"{_ITEM}/activate", activate, "Make this the script that runs",
        answer=schemas.Script, errors=(_MISSING, _GONE),
    ),
    Operation(
        "POST", f"{_ITEM}/deactivate", deactivate, "Let no script run, if it was this one",
        answer=schemas.Script, errors=(_MISSING, _GONE),
    ),
)  # fmt: skip
