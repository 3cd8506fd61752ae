"""Documents over the API: read, create, change and remove one; list all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mailstack.client import Client

Fields: TypeAlias = dict[str, Any]
"""One document as JSON has it. The API shows no password's hash."""

Kind: TypeAlias = Literal["domain", "user", "alias"]

COLLECTIONS: Mapping[Kind, str] = {"domain": "domains", "user": "users", "alias": "aliases"}

PAGE = 1000
"""Documents per request when listing; the API gives no more."""


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of one kind."""

    client: Client
    kind: Kind

    @property
    def collection(self) -> str:
        return COLLECTIONS[self.kind]

    def get(self, name: str) -> Fields:
        """Read one.

        Raises:
            DocumentMissing: there is none of that name.
        """
        return self.client.call("GET", self.collection, name).fields

    def all(self, domain: str = "") -> Iterator[Fields]:
        """Every one, page by page, in the order of the store; ``domain`` narrows it."""
        query = {"limit": str(PAGE)} | ({"domain": domain} if domain else {})
        while True:
            page = self.client.call("GET", self.collection, query=query).fields
            yield from page["items"]
            if page["next"] is None:
                return
            query["after"] = page["next"]

    def create(self, fields: Fields) -> Fields:
        """Write a new one; return it as it was stored.

        Raises:
            DocumentExists: one of that name is there; it was not changed.
        """
        return self.client.call("POST", self.collection, document=fields).fields

    def change(self, name: str, changes: Fields) -> tuple[Fields, bool]:
        """Change some fields; return the whole, and whether anything visible differs now.

        couchmail reads, merges and writes in one step, so two owners at two terminals do not undo
        each other's changes of different fields.
        """
        before = self.get(name)
        after = self.client.call("PATCH", self.collection, name, document=changes).fields
        return after, _content(before) != _content(after)

    def remove(self, name: str, *, recursive: bool = False) -> None:
        """Remove one.

        Raises:
            DocumentMissing: there is none of that name.
            InvalidDocument: others depend on it, and ``recursive`` was not asked for.
        """
        query = {"recursive": "true"} if recursive else None
        self.client.call("DELETE", self.collection, name, query=query)


def _content(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name != "revision"}
