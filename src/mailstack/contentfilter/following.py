"""Keeps ``profiles.Own`` in step with the datastore.

All spam profiles and training records are read once, page by page, then the change feed is
followed; only names are kept. When couchmail cannot be asked, what is known stays in force.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from mailstack.aio.backoff import Backoff
from mailstack.contentfilter.profiles import Own
from mailstack.errors import StoreUnavailable
from mailstack.feed import Batch, Changed, Reader, follow
from mailstack.model.spamkey import wants_own

_log = logging.getLogger(__name__)

KINDS: Final = ("spam", "training")


class Following:
    """``run`` it for as long as the filter runs."""

    def __init__(self, own: Own, reader: Reader) -> None:
        self._own = own
        self._reader = reader

    async def run(self) -> None:
        """Never returns."""
        backoff = Backoff(first_s=0.1, limit_s=5.0)
        while True:
            try:
                position = await self._load()
                backoff.reset()
                await self._follow(position)
            except StoreUnavailable as error:
                if backoff.failures == 0:
                    _log.warning("who has a spam profile cannot be read: %s", error)
                await asyncio.sleep(backoff.next_s())

    async def _load(self) -> int:
        """Read everything; return the position from which to follow."""
        position = None
        found: dict[str, set[str]] = {}
        for kind in KINDS:
            names, after = found.setdefault(kind, set()), ""
            while True:
                page = await self._reader.page(kind, after)
                position = page.position if position is None else position
                names.update(str(item["owner"]) for item in page.items if _counts(kind, item))
                after = page.following
                if not after:
                    break
        self._own.by_wish, self._own.by_training = (found[kind] for kind in KINDS)
        self._own.known = True
        return position or 0

    async def _follow(self, position: int) -> None:
        """Return when the store went back in time, so that all must be read anew."""
        async with aclosing(follow(self._reader, position)) as batches:
            async for batch in batches:
                if batch.fresh and position:
                    return
                await self._apply(batch)

    async def _apply(self, batch: Batch) -> None:
        for change in batch.changes:
            if change.kind in KINDS:
                await self._note(change)

    async def _note(self, change: Changed) -> None:
        names = self._own.by_wish if change.kind == "spam" else self._own.by_training
        found = None
        if not change.removed:
            found = await self._reader.document("users", change.name, change.kind)
        if found is not None and _counts(change.kind, found):
            names.add(change.name)
        else:
            names.discard(change.name)


def _counts(kind: str, fields: Mapping[str, Any]) -> bool:
    return wants_own(fields) if kind == "spam" else bool(fields.get("own_bayes"))
