"""What couchmail knows: is a domain hosted, which key has a user. What was seen outlives an outage.

Each request asks couchmail, so that a change is in force at once and memory does not grow with the
number of domains. The last answers are kept for the time when couchmail cannot say; who is not
among them is told that nobody knows (503), never that there is nothing.
"""

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from mailstack.errors import StoreUnavailable

T = TypeVar("T")

MAX_DOMAINS: Final = 10_000
"""Of the last answers: some 2 MiB."""
MAX_KEYS: Final = 64
"""Likewise, of some 4 KiB each as a rule."""
LATELY_S: Final = 5.0
"""So long an answer shows that couchmail is there."""
ASK_S: Final = 2.0
"""For an answer to a question that has no other aim; below what a probe waits."""


class Documents(Protocol):
    """Reads couchmail's documents (``feed.Reader``)."""

    async def document(self, *segments: str) -> Mapping[str, Any] | None:
        """None: there is none. Raises StoreUnavailable."""


class Directory:
    """``hosts`` domains, and has a ``key`` of users."""

    def __init__(self, documents: Documents, clock: Callable[[], float] = time.monotonic) -> None:
        self._documents = documents
        self._clock = clock
        self._heard = clock()
        self._domains: OrderedDict[str, bool] = OrderedDict()
        self._keys: OrderedDict[str, bytes | None] = OrderedDict()

    async def hosts(self, domain: str) -> bool:
        """Whether mail for the domain is taken here.

        Raises:
            StoreUnavailable: nobody can tell.
        """
        try:
            found = await self._document("domains", domain)
        except StoreUnavailable:
            if domain not in self._domains:
                raise
            return self._domains[domain]
        hosted = found is not None and bool(found.get("enabled"))
        if hosted or domain in self._domains:  # strangers' names are not worth remembering
            _remember(self._domains, domain, hosted, MAX_DOMAINS)
        return hosted

    async def key(self, address: str) -> bytes | None:
        """Return the binary OpenPGP key of a user.

        Raises:
            StoreUnavailable: nobody can tell.
        """
        try:
            found = await self._document("users", address, "openpgp")
        except StoreUnavailable:
            if address not in self._keys:
                raise
            return self._keys[address]
        key = None if found is None else base64.b64decode(found["public"])
        if key is not None or address in self._keys:
            _remember(self._keys, address, key, MAX_KEYS)
        return key

    async def silent_s(self, domain: str) -> float:
        """For how long couchmail has said nothing; it is asked, unless somebody did lately."""
        if self._clock() - self._heard > LATELY_S:
            with suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(ASK_S):
                    await self._document("domains", domain)
        return self._clock() - self._heard

    async def _document(self, *segments: str) -> Mapping[str, Any] | None:
        found = await self._documents.document(*segments)
        self._heard = self._clock()
        return found


def _remember(kept: OrderedDict[str, T], name: str, value: T, most: int) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > most:
        kept.popitem(last=False)
