"""What a user has once: a spam profile, a training record, an OpenPGP key.

Each lies under its user's path, works like an item of ``documents``, and is listed with those of
all users for the services that follow it. Who has none is served by the defaults, so a ``PATCH``
begins with those where nothing is stored yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailstack.couchmail.api import bodies, schemas
from mailstack.couchmail.api.context import context
from mailstack.couchmail.api.documents import ATTEMPTS, MAX_PAGE, exists, merged, put, shown
from mailstack.couchmail.api.operations import IF_MATCH, IF_NONE_MATCH, Operation, Parameter
from mailstack.errors import DocumentExists, DocumentMissing, InvalidDocument, RevisionConflict
from mailstack.model.addresses import parse_address
from mailstack.model.documents import Document, Key, OpenPgp, Spam, Training, make_document
from mailstack.store.contract import Expected, Store, Stored


@dataclass(frozen=True, slots=True)
class Belonging:
    """One kind of them."""

    kind: Literal["spam", "training", "openpgp"]
    words: str
    document: type[Spam | Training | OpenPgp]
    shown: type[BaseModel]
    page: type[BaseModel]
    patch: type[BaseModel] | None
    """None: it is written whole or not at all."""

    def key(self, request: Request) -> Key:
        """The key for the user in the path.

        Raises:
            DocumentMissing: no user can have such a name.
        """
        try:
            return Key(self.kind, parse_address(request.path_params["name"]))
        except ValueError as error:
            raise DocumentMissing(str(error)) from error

    def make(self, key: Key, fields: Mapping[str, Any]) -> Document:
        """Build a document from a body, in which the path's user need not stand again.

        Raises:
            InvalidDocument: it breaks a rule, or names another user than the path.
        """
        document = make_document({"type": self.kind, "owner": key.name, **fields})
        if document.key != key:
            raise InvalidDocument(f"the body names the {document.key}, the path the {key}")
        return document

    async def get_page(self, request: Request) -> Response:
        store = context(request).store
        limit = bodies.number(request, "limit", default=100, most=MAX_PAGE) or MAX_PAGE
        after = request.query_params.get("after", "").lower()
        found = store.page(self.kind, after=after, limit=limit)
        following = found[-1].document.key.name if len(found) == limit else None
        items = [shown(one) for one in found]
        more = {"total": store.count(self.kind), "position": store.position()}
        return JSONResponse({"items": items, "next": following, **more})

    async def get(self, request: Request) -> Response:
        stored = context(request).store.get(self.key(request))
        headers = bodies.etag(stored.revision)
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return JSONResponse(shown(stored), headers=headers)

    async def put(self, request: Request) -> Response:
        store, expected, key = context(request).store, bodies.expected(request), self.key(request)
        document = self.make(key, await bodies.json_object(request))
        created = expected is None or not exists(store, key)
        return _answer(document, await put(store, document, expected), created=created)

    async def change(self, request: Request) -> Response:
        store, expected, key = context(request).store, bodies.expected(request), self.key(request)
        changes = await bodies.json_object(request)
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._change(store, key, changes, expected)
            except (RevisionConflict, DocumentExists, DocumentMissing):
                if isinstance(expected, str):
                    raise
        return await self._change(store, key, changes, expected)

    async def _change(
        self, store: Store, key: Key, changes: Mapping[str, Any], expected: Expected
    ) -> Response:
        """Read, merge and write. Loses to whoever writes in between."""
        try:
            before, revision = store.get(key)
        except DocumentMissing:
            before, revision = self.make(key, {}), None
        document = self.make(key, merged(before, changes))
        if isinstance(expected, str):
            return _answer(document, await put(store, document, expected))
        return _answer(document, await store.put(document, revision), created=revision is None)

    async def delete(self, request: Request) -> Response:
        await context(request).store.remove(self.key(request), bodies.expected(request))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def operations(self) -> tuple[Operation, ...]:
        """Everything that can be done with this kind."""
        item = f"/v1/users/{{name}}/{self.kind}"
        missing, gone = HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED
        invalid = HTTPStatus.UNPROCESSABLE_ENTITY
        return (
            Operation(
                "GET", f"/v1/{self.kind}", self.get_page, f"List the {self.words}s of all users",
                parameters=_PAGING, answer=self.page,
            ),
            Operation(
                "GET", item, self.get, f"Show the {self.words} of a user",
                answer=self.shown, errors=(missing,),
            ),
            Operation(
                "PUT", item, self.put, f"Write the {self.words} of a user whole",
                parameters=(IF_MATCH, IF_NONE_MATCH), body=self.document, answer=self.shown,
                errors=(missing, gone, invalid),
            ),
            *self._patch(item),
            Operation(
                "DELETE", item, self.delete, f"Remove the {self.words} of a user",
                parameters=(IF_MATCH,), success=HTTPStatus.NO_CONTENT, errors=(missing, gone),
            ),
        )  # fmt: skip

    def _patch(self, item: str) -> tuple[Operation, ...]:
        if self.patch is None:
            return ()
        return (
            Operation(
                "PATCH", item, self.change,
                f"Change fields of the {self.words} of a user, or of the defaults",
                parameters=(IF_MATCH,), body=self.patch, answer=self.shown,
                errors=(
                    HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED,
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                ),
            ),
        )  # fmt: skip


def _answer(document: Document, revision: str, *, created: bool = False) -> Response:
    status = HTTPStatus.CREATED if created else HTTPStatus.OK
    return JSONResponse(shown(Stored(document, revision)), status, bodies.etag(revision))


_PAGING = (
    Parameter("after", "Owner of the last one of the page before."),
    Parameter("limit", f"At most so many, up to {MAX_PAGE}.", "integer"),
)

BELONGINGS = (
    Belonging(
        "spam", "spam profile", Spam, schemas.ShownSpam, schemas.Spams, schemas.SpamPatch
    ),
    Belonging(
        "training", "training record", Training,
        schemas.ShownTraining, schemas.Trainings, schemas.TrainingPatch,
    ),
    Belonging(
        "openpgp", "OpenPGP key", OpenPgp, schemas.ShownOpenPgp, schemas.OpenPgps, None
    ),
)  # fmt: skip

OPERATIONS = tuple(operation for one in BELONGINGS for operation in one.operations())
