"""What other services may ask of the keeper, by HTTP.

    POST /users/KEY/prepare  {"owner": ADDRESS}    {"training", "plain"}: the profiles to use
    GET  /users/KEY                                what was learnt, and the copies, newest first
    POST /users/KEY/snapshot {"owner": ADDRESS}?   copies the database; {"snapshot": NAME, ...}
    POST /users/KEY/restore  {"snapshot": NAME}?   puts that copy back, or the newest
    POST /users/KEY/forget                         begins anew, without copies
    GET  /healthz /readyz /metrics

All but the last line needs the stack's token. KEY is ``spam_key(ADDRESS)`` or ``site``. Nothing is
learnt for a user before ``prepare`` (or ``snapshot`` with the owner's address) was called once: a
TELL for a profile that does not exist changes nothing.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from mailstack.aio.http import Answer, Handler, Request, bears, document, text
from mailstack.errors import DocumentMissing, StoreUnavailable
from mailstack.model.spamkey import is_key, plain_profile, training_profile
from mailstack.program.pages import operations
from mailstack.spamkeeper.database import Busy
from mailstack.spamkeeper.keeper import Keeper
from mailstack.spamkeeper.sdbm import Damaged
from mailstack.spamkeeper.snapshots import NoSnapshot, Snapshot

_DEPTH: Final = 3


def routes(keeper: Keeper, token: str) -> Handler:
    """Return the handler of all requests."""

    async def answer(request: Request) -> Answer:
        match request.path:
            case ("users", key, *rest) if is_key(key) and len(rest) < _DEPTH - 1:
                if not bears(request, token):
                    return text(HTTPStatus.UNAUTHORIZED, "the stack's token is missing")
                return await _user(keeper, request, key, "".join(rest))
            case _:
                return operations(request, keeper.metrics.exposition, not_ready=keeper.not_ready())

    return answer


async def _user(keeper: Keeper, request: Request, key: str, action: str) -> Answer:
    """Do it, and put every failure into a status."""
    try:
        found = await _done(keeper, request, key, action)
        status = HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK
        return document(found or {}, status)
    except Damaged as error:
        keeper.look_soon()
        return text(HTTPStatus.CONFLICT, f"the database is damaged, and being replaced: {error}")
    except tuple(_STATUSES) as error:
        status = next(code for kind, code in _STATUSES.items() if isinstance(error, kind))
        return text(status, str(error))


_STATUSES: Final[Mapping[type[Exception], HTTPStatus]] = {
    ValueError: HTTPStatus.BAD_REQUEST,
    DocumentMissing: HTTPStatus.NOT_FOUND,
    NoSnapshot: HTTPStatus.NOT_FOUND,
    FileNotFoundError: HTTPStatus.NOT_FOUND,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


async def _done(
    keeper: Keeper, request: Request, key: str, action: str
) -> Mapping[str, object] | None:
    """Return what to answer; None where nothing of the kind can be asked."""
    if request.method in {"GET", "HEAD"} and not action:
        return await _learnt(keeper, key)
    if request.method == "POST" and action in _ACTIONS:
        return await _ACTIONS[action](keeper, key, _fields(request))
    return None


def _fields(request: Request) -> Mapping[str, Any]:
    fields = json.loads(request.body) if request.body else {}
    if not isinstance(fields, dict):
        raise ValueError("the body is no JSON object")  # noqa: TRY004 - the peer's fault: 400
    return fields


async def _learnt(keeper: Keeper, key: str) -> Mapping[str, object]:
    found = await keeper.learnt(key)
    return {
        "key": key,
        "nham": found.learnt.nham,
        "nspam": found.learnt.nspam,
        "tokens": found.learnt.tokens,
        "damaged": found.damaged,
        "snapshots": [_shown(copy) for copy in found.snapshots],
    }


def _shown(copy: Snapshot) -> Mapping[str, object]:
    return {
        "name": copy.name,
        "taken": copy.taken,
        "octets": copy.octets,
        "nham": copy.learnt.nham,
        "nspam": copy.learnt.nspam,
    }


async def _prepare(keeper: Keeper, key: str, fields: Mapping[str, Any]) -> Mapping[str, object]:
    await keeper.prepare(key, str(fields.get("owner", "")))
    return {"training": training_profile(key), "plain": plain_profile(key)}


async def _snapshot(keeper: Keeper, key: str, fields: Mapping[str, Any]) -> Mapping[str, object]:
    if owner := fields.get("owner"):
        await keeper.prepare(key, str(owner))
    copy = await keeper.snapshot(key)
    return {"snapshot": copy.name, "nham": copy.learnt.nham, "nspam": copy.learnt.nspam}


async def _restore(keeper: Keeper, key: str, fields: Mapping[str, Any]) -> Mapping[str, object]:
    found = await keeper.restore(key, str(fields.get("snapshot", "")))
    return {"nham": found.nham, "nspam": found.nspam}


async def _forget(keeper: Keeper, key: str, fields: Mapping[str, Any]) -> Mapping[str, object]:
    del fields
    await keeper.forget_training(key)
    return {}


_ACTIONS: Final = {
    "prepare": _prepare,
    "snapshot": _snapshot,
    "restore": _restore,
    "forget": _forget,
}
