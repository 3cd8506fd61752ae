"""Follows couchmail's change feed, for programs that must know of a change at once.

One request after the other over HTTP, each a connection of its own, with the stack's token; a
long poll is simply one that takes its time. Asynchronous, unlike ``client.py``, so that a waiting
program can be told to stop.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import h11

from mailstack.aio.backoff import Backoff
from mailstack.aio.http_client import Peer
from mailstack.errors import DocumentMissing, MailstackError, StoreUnavailable
from mailstack.model.target import target
from mailstack.topology.model import Endpoint

WAIT_S: Final = 50
"""Of one long poll; couchmail allows 60."""
PAGE: Final = 500
"""Documents read at once."""
TIMEOUT_S: Final = 10.0
"""For an answer that is not waited for."""
_NOT_FOUND: Final = 404
_BAD: Final = 400

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Changed:
    """The newest thing that happened to one document."""

    kind: str
    name: str
    removed: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes in their order. ``fresh``: the feed begins anew, all that there is will follow."""

    changes: tuple[Changed, ...]
    fresh: bool
    caught_up: bool
    """Nothing newer is there at the moment."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents of a collection. ``following`` is where to go on; empty: there are no more.

    ``position``: whoever follows the feed from there misses nothing that is not in the page.
    """

    items: tuple[Mapping[str, Any], ...]
    following: str
    position: int


class Reader:
    """Reads couchmail's API at ``endpoint``."""

    def __init__(self, endpoint: Endpoint, token: str) -> None:
        self._endpoint = endpoint
        self._peer = Peer(endpoint, token)

    async def document(self, *segments: str) -> Mapping[str, Any] | None:
        """Read one document; None when there is none.

        Raises:
            StoreUnavailable: it cannot be told.
        """
        try:
            return await self._get(target(*segments), TIMEOUT_S)
        except DocumentMissing:
            return None

    async def changes(self, since: int, wait_s: int) -> tuple[int, list[Changed]]:
        """Return the next position, and what happened after ``since``.

        Raises:
            StoreUnavailable: it cannot be told.
        """
        query = {"since": str(since), "wait": str(wait_s)}
        found = await self._get(target("changes", query=query), TIMEOUT_S + wait_s)
        try:
            rows = [
                Changed(row["type"], row["name"], row["revision"] is None)
                for row in found["changes"]
            ]
            return int(found["position"]), rows
        except (KeyError, TypeError, ValueError) as error:
            raise StoreUnavailable(f"couchmail's feed is not one: {error!r}") from error

    async def page(self, collection: str, after: str = "") -> "Page":
        """Read a page of all documents of a collection, beginning behind ``after``.

        Raises:
            StoreUnavailable: it cannot be told.
        """
        found = await self._get(
            target(collection, query={"limit": str(PAGE), "after": after}), TIMEOUT_S
        )
        try:
            return Page(tuple(found["items"]), found["next"] or "", int(found["position"]))
        except (KeyError, TypeError, ValueError) as error:
            raise StoreUnavailable(f"couchmail's page is not one: {error!r}") from error

    async def _get(self, path: str, timeout_s: float) -> Mapping[str, Any]:
        try:
            status, body = await self._peer.ask("GET", path, timeout_s=timeout_s)
        except (OSError, h11.ProtocolError) as error:
            raise StoreUnavailable(f"couchmail at {self._endpoint}: {error!r}") from error
        if status == _NOT_FOUND:
            raise DocumentMissing(f"there is no {path}")
        if status >= _BAD:
            raise StoreUnavailable(f"couchmail answered {status} to {path}")
        try:
            found: Mapping[str, Any] = json.loads(body)
        except ValueError as error:
            raise StoreUnavailable("couchmail's answer is no JSON") from error
        return found


async def follow(
    reader: Reader, since: int = 0, *, wait_s: int = WAIT_S
) -> AsyncGenerator[Batch, None]:
    """Yield batches for ever; waits out whatever keeps couchmail from answering.

    The next question is asked when the batch has been dealt with, so nothing piles up. When the
    store went back in time (it came from a backup), the feed begins anew.
    """
    backoff, fresh = Backoff(first_s=0.1, limit_s=5.0), since == 0
    waited = 0 if fresh else wait_s
    while True:
        try:
            position, changes = await reader.changes(since, waited)
        except MailstackError as error:
            if backoff.failures == 0:
                _log.warning("cannot follow the datastore: %s", error)
            await asyncio.sleep(backoff.next_s())
            waited = 0
            continue
        if backoff.failures:
            _log.info("follows the datastore again")
        backoff.reset()
        if position < since:
            since, fresh, waited = 0, True, 0
            continue
        caught_up = not changes
        if changes or fresh or waited == 0:
            yield Batch(tuple(changes), fresh, caught_up)
        since, fresh, waited = position, False, wait_s if caught_up else 0
