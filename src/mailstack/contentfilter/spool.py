"""One message on its way through: in memory while small, in a nameless file when large."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

BLOCK: Final = 256 * 1024
"""Octets read back at a time."""


class Spool:
    """Octets in, then out again, any number of times. Make one per message; ``close`` it."""

    __slots__ = ("_file", "_folder", "_limit", "_pending", "_pending_octets", "octets")

    def __init__(self, folder: Path, memory_octets: int) -> None:
        self._folder = folder
        self._limit = memory_octets
        self._pending: list[bytes] = []
        self._pending_octets = 0
        self._file: IO[bytes] | None = None
        self.octets = 0
        """So far, dots doubled."""

    async def append(self, data: bytes) -> None:
        """Add to the end.

        Raises:
            OSError: no space is left in the folder.
        """
        self._pending.append(data)
        self._pending_octets += len(data)
        self.octets += len(data)
        if self._pending_octets > self._limit:
            await asyncio.to_thread(self._spill)

    async def blocks(self) -> AsyncIterator[bytes]:
        """The message from its beginning.

        Raises:
            OSError: the file cannot be read.
        """
        if self._file is not None:
            await asyncio.to_thread(self._file.seek, 0)
            while block := await asyncio.to_thread(self._file.read, BLOCK):
                yield block
        for block in self._pending:
            yield block

    async def whole(self) -> bytes:
        """All of it, in memory. For messages whose size has been checked."""
        return b"".join([block async for block in self.blocks()])

    def close(self) -> None:
        """Forget the message. A nameless file goes with its descriptor."""
        self._pending = []
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - lives as long as the message
        self._file.seek(0, 2)
        _write_all(self._file, b"".join(self._pending))
        self._pending, self._pending_octets = [], 0


def _write_all(file: IO[bytes], data: bytes) -> None:
    """An unbuffered file may write less than asked for, at a full disk for one."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
