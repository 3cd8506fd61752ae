"""The ordered feed of changes, and those who wait for its next one."""

import asyncio
from contextlib import suppress

from mailstack.model.documents import KINDS, Key
from mailstack.store.contract import Change
from mailstack.store.sqlite.reader import Reader

LONGEST_WAIT_S = 60.0


def position(reader: Reader) -> int:
    row = reader.row("SELECT max(seq) FROM changes")
    return int(row[0] or 0) if row else 0


def changes(reader: Reader, since: int, limit: int) -> list[Change]:
    if since > position(reader):
        since = 0
    rows = reader.rows(
        "SELECT seq, kind, name, removed FROM changes WHERE seq>? ORDER BY seq LIMIT ?",
        (since, limit),
    )
    return [
        Change(seq, Key(KINDS[kind], name), None if removed else str(seq))
        for seq, kind, name, removed in rows
    ]


class Waiters:
    """Wakes coroutines when the position moves. For one event loop."""

    def __init__(self) -> None:
        self.ended = False
        self._position = 0
        self._moved = asyncio.Event()

    def tell(self, position: int) -> None:
        if position != self._position:
            self._position = position
            self._moved.set()
            self._moved = asyncio.Event()

    def end(self) -> None:
        """Nobody waits any more."""
        self.ended = True
        self._moved.set()

    async def wait(self, since: int, timeout_s: float) -> None:
        """Return when the position is not ``since``, after ``timeout_s``, or at the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._position == since and not self.ended:
                    await self._moved.wait()
