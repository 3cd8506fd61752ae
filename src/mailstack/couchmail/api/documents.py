"""Domains, users and aliases: three collections that work alike.

``GET`` a page or an item, ``POST`` or ``PUT`` a whole one, ``PATCH`` some fields (RFC 7396), and
``DELETE``. Every answer with a document carries its revision as ETag; a write may demand one with
If-Match and gets 412 when it lost the race.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies, schemas
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.operations import IF_MATCH, IF_NONE_MATCH, Operation, Parameter
from mailstack.couchmail.api.problems import Refused
from mailstack.errors import DocumentExists, DocumentMissing, InvalidDocument, RevisionConflict
from mailstack.model.addresses import parse_address, parse_alias_address
from mailstack.model.documents import Alias, Document, Domain, Key, Kind, User, make_document
from mailstack.model.domains import parse_domain
from mailstack.store.contract import Expected, Store, Stored

MAX_PAGE = 1000
SCAN = 1000
"""Documents read in one go when a page is filtered: some milliseconds of everybody's time."""
MAX_SCANS = 20
"""Of them for one page; the client goes on from where it ended."""
ATTEMPTS = 5
"""Of a PATCH without If-Match, when others write the same document between read and write."""


_PARSERS: Mapping[str, Callable[[str], str]] = {
    "domain": parse_domain,
    "user": parse_address,
    "alias": parse_alias_address,
}


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of document under one path."""

    kind: Kind
    path: str
    id_field: str
    document: type[Domain | User | Alias]
    shown: type[BaseModel]
    page: type[BaseModel]
    patch: type[BaseModel]

    def key(self, name: str) -> Key:
        """The key for a name as a person writes it.

        Raises:
            DocumentMissing: no document can have such a name.
        """
        try:
            return Key(self.kind, _PARSERS[self.kind](name))
        except ValueError as error:
            raise DocumentMissing(str(error)) from error

    def make(self, fields: Mapping[str, Any], name: str | None = None) -> Document:
        """Build a document from a body, in which the path's name need not stand again.

        Raises:
            InvalidDocument: it breaks a rule, or names another document than the path.
        """
        if "password_plain" in fields:
            raise InvalidDocument(
                "couchmail takes no plain passwords; send 'password' as a hash",
                advice="'mailstack user add' makes one",
            )
        named = {} if name is None else {self.id_field: name}
        document = make_document({"type": self.kind, **named, **fields})
        if name is not None and document.key != self.key(name):
            raise InvalidDocument(f"the body names {document.key}, the path {self.key(name)}")
        return document

    async def get_page(self, request: Request) -> Response:
        store = context(request).store
        limit = bodies.number(request, "limit", default=100, most=MAX_PAGE) or MAX_PAGE
        position = store.position()  # before the page: what changes meanwhile is told again
        found, following = await self._page(request, store, limit)
        items = [shown(stored) for stored in found]
        more = {"total": store.count(self.kind), "position": position}
        return JSONResponse({"items": items, "next": following, **more})

    async def _page(
        self, request: Request, store: Store, limit: int
    ) -> tuple[list[Stored], str | None]:
        query = request.query_params
        words = query.get("q", "").lower()
        within, after = query.get("domain", "").lower(), query.get("after", "")
        found: list[Stored] = []
        for _ in range(MAX_SCANS):
            size = SCAN if words else limit
            read = store.page(self.kind, within=within, after=after, limit=size)
            for stored in read:
                after = stored.document.key.name
                if words in after:
                    found.append(stored)
                    if len(found) == limit:
                        return found, after
            if len(read) < size:
                return found, None
            await asyncio.sleep(0)
        return found, after

    async def create(self, request: Request) -> Response:
        document = self.make(await bodies.json_object(request))
        revision = await context(request).store.put(document, None)
        return self._created(document, revision)

    async def get(self, request: Request) -> Response:
        stored = context(request).store.get(self.key(request.path_params["name"]))
        headers = bodies.etag(stored.revision)
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return JSONResponse(shown(stored), headers=headers)

    async def put(self, request: Request) -> Response:
        store, expected = context(request).store, bodies.expected(request)
        document = self.make(await bodies.json_object(request), request.path_params["name"])
        created = expected is None or not exists(store, document.key)
        revision = await put(store, document, expected)
        if created:
            return self._created(document, revision)
        return JSONResponse(shown(Stored(document, revision)), headers=bodies.etag(revision))

    async def patch_one(self, request: Request) -> Response:
        store, expected = context(request).store, bodies.expected(request)
        changes = await bodies.json_object(request)
        name = request.path_params["name"]
        for attempt in range(ATTEMPTS):
            stored = store.get(self.key(name))
            document = self.make(merged(stored.document, changes), name)
            wanted = stored.revision if not isinstance(expected, str) else expected
            try:
                revision = await put(store, document, wanted)
            except RevisionConflict:
                if isinstance(expected, str) or attempt == ATTEMPTS - 1:
                    raise
            else:
                answer = shown(Stored(document, revision))
                return JSONResponse(answer, headers=bodies.etag(revision))
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def delete(self, request: Request) -> Response:
        expected = bodies.expected(request)
        recursive = bodies.flag(request, "recursive")
        key = self.key(request.path_params["name"])
        await context(request).store.remove(key, expected, recursive=recursive)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _created(self, document: Document, revision: str) -> Response:
        place = f"{self.path}/{quote(document.key.name, safe='@')}"
        headers = {"location": place, **bodies.etag(revision)}
        body = shown(Stored(document, revision))
        return JSONResponse(body, HTTPStatus.CREATED, headers)

    def operations(self) -> tuple[Operation, ...]:
        """Everything that can be done with this collection."""
        item = f"{self.path}/{{name}}"
        one = f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"
        missing, gone = HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED
        invalid, exists_already = HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT
        recursive = Parameter("recursive", "A domain: with all its users and aliases.", "boolean")
        return (
            Operation(
                "GET", self.path, self.get_page, f"List {self.kind} documents",
                parameters=_PAGING, answer=self.page,
            ),
            Operation(
                "POST", self.path, self.create, f"Create {one}",
                body=self.document, answer=self.shown, success=HTTPStatus.CREATED,
                errors=(exists_already, invalid),
            ),
            Operation(
                "GET", item, self.get, f"Show {one}", answer=self.shown, errors=(missing,)
            ),
            Operation(
                "PUT", item, self.put, f"Write a {self.kind} whole",
                parameters=(IF_MATCH, IF_NONE_MATCH), body=self.document, answer=self.shown,
                errors=(gone, invalid),
            ),
            Operation(
                "PATCH", item, self.patch_one, f"Change fields of {one}",
                parameters=(IF_MATCH,), body=self.patch, answer=self.shown,
                errors=(missing, gone, invalid),
            ),
            Operation(
                "DELETE", item, self.delete, f"Remove {one}",
                parameters=(IF_MATCH, recursive), success=HTTPStatus.NO_CONTENT,
                errors=(missing, gone, invalid),
            ),
        )  # fmt: skip


_PAGING = (
    Parameter("after", "Name of the last one of the page before."),
    Parameter("limit", f"At most so many, up to {MAX_PAGE}.", "integer"),
    Parameter("q", "Only those whose name holds this. A page may then be short; 'next' decides."),
    Parameter("domain", "Only those of this domain."),
)

COLLECTIONS = (
    Collection(
        "domain", "/v1/domains", "name", Domain,
        schemas.ShownDomain, schemas.Domains, schemas.DomainPatch,
    ),
    Collection(
        "user", "/v1/users", "address", User, schemas.ShownUser, schemas.Users, schemas.UserPatch
    ),
    Collection(
        "alias", "/v1/aliases", "address", Alias,
        schemas.ShownAlias, schemas.Aliases, schemas.AliasPatch,
    ),
)  # fmt: skip


def shown(stored: Stored) -> dict[str, Any]:
    """A document as the API shows it: with its revision, and without a password."""
    fields = stored.document.model_dump(mode="json", exclude={"password"})
    return {**fields, "revision": stored.revision}


def merged(document: Document, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a merge patch (RFC 7396) to the fields of a document: null removes."""
    fields = {**document.model_dump(mode="json"), **changes}
    return {name: value for name, value in fields.items() if value is not None}


def exists(store: Store, key: Key) -> bool:
    """Whether the document is stored at this moment."""
    try:
        store.get(key)
    except DocumentMissing:
        return False
    return True


async def put(store: Store, document: Document, expected: Expected) -> str:
    """Write, and call a failed precondition what it is in HTTP (RFC 9110 13.1).

    Raises:
        Refused: 412, since the document is there (If-None-Match) or is not (If-Match).
    """
    try:
        return await store.put(document, expected)
    except (DocumentExists, DocumentMissing) as error:
        raise Refused(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
