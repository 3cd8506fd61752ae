"""One import: lines of JSON become documents, documents become transactions.

Stops at the first bad line and names it; the batches before it stay, as their progress lines said.
With ``replace``, what was not among the documents goes at the very end, so nobody is missing in
between, and nothing goes if a line was bad.
"""

from collections.abc import AsyncIterator
from typing import Any

from mailstack.errors import InvalidDocument, MailstackError, StoreUnavailable, WriteRefused
from mailstack.model.documents import parse_document
from mailstack.store.contract import Put, Store

BATCH = 1000
"""Documents in one transaction: a million users are a thousand syncs to disk."""
MAX_LINE = 8 * 1024**2
"""Octets of one line: a sieve script of 1 MiB, of which JSON may write six octets for one."""


class Import:
    """Use once: ``async for progress in Import(store, replace=…).progress(chunks)``."""

    def __init__(self, store: Store, *, replace: bool) -> None:
        self._store = store
        self._replacing = store.position() if replace else None
        self._batch: list[Put] = []
        self._lines: list[int] = []
        """Number of the line of each document of the batch."""
        self._line = 0
        self._imported = 0

    async def progress(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
        """Yield ``{"imported": N}`` after each batch, then ``done`` or ``error``."""
        try:
            async for raw in split_lines(chunks):
                self._take(raw)
                if len(self._batch) == BATCH:
                    yield await self._write()
            yield await self._write()
            yield await self._finish()
        except WriteRefused as error:
            yield self._failed(str(error), self._lines[error.number])
        except InvalidDocument as error:
            yield self._failed(str(error), self._line)
        except StoreUnavailable:
            yield self._failed("the datastore cannot answer now; try again later", None)
        except MailstackError as error:
            yield self._failed(str(error), None)

    def _take(self, raw: bytes) -> None:
        self._line += 1
        if raw.strip():
            self._batch.append(Put(parse_document(raw)))
            self._lines.append(self._line)

    async def _write(self) -> dict[str, Any]:
        if self._batch:
            await self._store.apply(self._batch, replacing=self._replacing)
            self._imported += len(self._batch)
            self._batch, self._lines = [], []
        return {"imported": self._imported}

    async def _finish(self) -> dict[str, Any]:
        removed = 0
        if self._replacing is not None:
            removed = await self._store.remove_unchanged(self._replacing)
        return {"imported": self._imported, "removed": removed, "done": True}

    def _failed(self, why: str, line: int | None) -> dict[str, Any]:
        return {"imported": self._imported, "error": why, "line": line}


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut a stream at its newlines; the last line needs none.

    Raises:
        InvalidDocument: a line is longer than ``MAX_LINE``.
    """
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > MAX_LINE:
            raise InvalidDocument(f"the line has more than {MAX_LINE} octets")
    if rest:
        yield rest
