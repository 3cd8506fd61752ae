"""The services that the trainer asks besides spamd and Dovecot: couchmail, and the keeper.

The keeper (``mailstack.spamkeeper``) looks after the databases on spamd's disk. Whatever keeps
either from answering is ``OSError`` here: the caller waits and tries again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import h11

from mailstack.aio.http_client import Peer
from mailstack.model.addresses import Address
from mailstack.model.target import target

TIMEOUT_S: Final = 30.0
KEEPER_TIMEOUT_S: Final = 120.0
"""A snapshot copies some MiB, on a disk that may be busy."""
PAGE: Final = 500
MAX_RUNS: Final = 30
"""Of a ``training`` document (``model/training.py``, which brings pydantic along)."""
_ATTEMPTS: Final = 5

Fields = Mapping[str, Any]


_TEMPORARY: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT)
_EXPECTED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
"""The caller decides what they mean."""


class Refused(Exception):
    """An answer that trying again will not change."""


async def ask(
    peer: Peer,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Fields | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, Fields]:
    """Return status and JSON object.

    Raises:
        OSError: there is no answer now.
        Refused: the answer is neither a success, nor 404, 409 or 412.
    """
    sent = b"" if body is None else json.dumps(body).encode()
    try:
        status, data = await peer.ask(method, path, sent, headers=headers, timeout_s=timeout_s)
    except h11.ProtocolError as error:
        raise ConnectionError(f"{peer.endpoint}: {error!r}") from error
    if status in _TEMPORARY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ConnectionError(f"{peer.endpoint} answered {status} to {path}")
    if status >= HTTPStatus.BAD_REQUEST and status not in _EXPECTED:
        raise Refused(f"{peer.endpoint} answered {status} to {path}: {data[:200]!r}")
    return status, _object(data) if status < HTTPStatus.BAD_REQUEST else {}


def _object(data: bytes) -> Fields:
    try:
        fields = json.loads(data or b"{}")
    except ValueError as error:
        raise ConnectionError(f"an answer that is no JSON: {data[:64]!r}") from error
    return fields if isinstance(fields, dict) else {}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user's ``spam`` document says about training."""

    threshold: float | None = None
    share: bool = False


@dataclass(frozen=True, slots=True)
class Records:
    """couchmail's documents."""

    couchmail: Peer

    async def page(self, after: str = "") -> tuple[list[Address], str]:
        """Return some users who may log in, and after whom to go on; empty at the end."""
        query = {"limit": str(PAGE), **({"after": after} if after else {})}
        _, page = await ask(self.couchmail, "GET", target("users", query=query))
        enabled = [user for user in page.get("items", []) if user.get("enabled", True)]
        return [Address(user["address"]) for user in enabled], str(page.get("next") or "")

    async def has_user(self, address: Address) -> bool:
        status, _ = await ask(self.couchmail, "GET", target("users", address))
        return status == HTTPStatus.OK

    async def wishes(self, address: Address) -> Wishes:
        status, found = await ask(self.couchmail, "GET", target("users", address, "spam"))
        if status != HTTPStatus.OK:
            return Wishes()
        return Wishes(found.get("threshold"), bool(found.get("share_training")))

    async def note(self, address: Address, run: Fields, *, own_bayes: bool | None) -> bool:
        """Add a run to the user's record; say whether the user's own database counts now.

        ``own_bayes`` of ``None`` leaves that as it is. The PATCH is made against the record as it
        was read (If-Match), so nobody else's change is lost.

        Raises:
            Refused: it cannot be written; the user may be gone.
        """
        path = target("users", address, "training")
        for _ in range(_ATTEMPTS):
            status, found = await ask(self.couchmail, "GET", path)
            counts = bool(found.get("own_bayes")) if own_bayes is None else own_bayes
            runs = [*found.get("runs", []), run][-MAX_RUNS:]
            condition = _condition(found.get("revision") if status == HTTPStatus.OK else None)
            record = {"own_bayes": counts, "runs": runs}
            status, _ = await ask(self.couchmail, "PUT", path, record, headers=condition)
            if status < HTTPStatus.BAD_REQUEST:
                return counts
            if status == HTTPStatus.NOT_FOUND:
                break
        raise Refused(f"the training record of {address} cannot be written: status {status}")


def _condition(revision: str | None) -> Mapping[str, str]:
    return {"If-None-Match": "*"} if revision is None else {"If-Match": f'"{revision}"'}


@dataclass(frozen=True, slots=True)
class Keeper:
    """The service that keeps the databases."""

    peer: Peer

    async def learnt(self, key: str) -> tuple[int, int]:
        """Return how many ham and spam messages the database of ``key`` knows."""
        _, found = await ask(self.peer, "GET", f"/users/{key}")
        if found.get("damaged"):
            raise ConnectionError(f"the database of {key} is damaged, and about to be replaced")
        return int(found.get("nham", 0)), int(found.get("nspam", 0))

    async def prepare(self, key: str, owner: Address) -> None:
        """Make the profiles by which the database learns and is measured.

        Raises:
            Refused: there is no such user.
        """
        await self._post(key, "prepare", {"owner": owner})

    async def snapshot(self, key: str, owner: Address) -> str:
        """Prepare, and copy the database as it is now; return the copy's name.

        Raises:
            Refused: there is no such user.
        """
        return str((await self._post(key, "snapshot", {"owner": owner}))["snapshot"])

    async def restore(self, key: str, snapshot: str) -> None:
        """Put a copy back.

        Raises:
            Refused: there is no such copy.
        """
        await self._post(key, "restore", {"snapshot": snapshot})

    async def _post(self, key: str, action: str, body: Fields) -> Fields:
        path = f"/users/{key}/{action}"
        status, found = await ask(self.peer, "POST", path, body, timeout_s=KEEPER_TIMEOUT_S)
        if status == HTTPStatus.CONFLICT:
            raise ConnectionError(f"the database of {key} is damaged, and about to be replaced")
        if status >= HTTPStatus.BAD_REQUEST:
            raise Refused(f"spamkeeper answered {status} to {path}")
        return found
