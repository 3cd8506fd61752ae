"""What couchmail knows: is a domain hosted, which key has a user. What was seen outlives an outage.

Each request asks couchmail, so that a change is in force at once and memory does not grow with the
number of domains. The last answers are kept for the time when couchmail cannot say; who is not
among them is told that nobody knows (503), never that there is nothing.
"""

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeVar

from mailstack.errors import StoreUnavailable

T = TypeVar("T")

MAX_DOMAINS: Final = 10_000
"""Of the last answers: some 2 MiB."""
MAX_KEYS: Final = 64
"""Likewise, of some 4 KiB each as a rule."""


class Documents(Protocol):
    """Reads couchmail's documents (``feed.Reader``)."""

    async def document(self, *segments: str) -> Mapping[str, Any] | None:
        """None: there is none. Raises StoreUnavailable."""


class Directory:
    """``hosts`` domains, and has a ``key`` of users."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._domains: OrderedDict[str, bool] = OrderedDict()
        self._keys: OrderedDict[str, bytes | None] = OrderedDict()

    async def hosts(self, domain: str) -> bool:
        """Whether mail for the domain is taken here.

        Raises:
            StoreUnavailable: nobody can tell.
        """
        try:
            found = await self._documents.document("domains", domain)
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
            found = await self._documents.document("users", address, "openpgp")
        except StoreUnavailable:
            if address not in self._keys:
                raise
            return self._keys[address]
        key = None if found is None else base64.b64decode(found["public"])
        if key is not None or address in self._keys:
            _remember(self._keys, address, key, MAX_KEYS)
        return key


def _remember(kept: OrderedDict[str, T], name: str, value: T, most: int) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > most:
        kept.popitem(last=False)
