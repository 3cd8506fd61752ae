"""A dict server for Dovecot: what couchmail answers on its dict port, from a plain mapping.

It can be told to fail, as a datastore does, and it writes down what it was asked.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols.dovecot_dict import (
    ITERATION_DONE,
    TRY_AGAIN,
    Command,
    CommandReader,
    Iterate,
    Lookup,
    encode,
    encode_row,
)


@dataclass(slots=True)
class DictServer:
    """``values`` maps ``(username, key)`` to the answer; shared keys have no username."""

    values: dict[tuple[str, str], str] = field(default_factory=dict)
    failing: str | None = None
    """Keys that begin with this cannot be answered now; an empty text fails all of them."""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, command: Command) -> bytes:
        match command:
            case Lookup(key, username):
                self.asked.append(key)
                return encode(self._look_up(key, username))
            case Iterate(path=path):
                return self._iterate(path)
            case _:
                return b""

    def _look_up(self, key: str, username: str) -> Outcome[str]:
        if self.failing is not None and key.startswith(self.failing):
            return Unavailable("told to fail")
        value = self.values.get(("" if key.startswith("shared/") else username, key))
        return NotFound() if value is None else Found(value)

    def _iterate(self, path: str) -> bytes:
        if self.failing is not None and path.startswith(self.failing):
            return TRY_AGAIN
        keys = [key for _, key in self.values if key.startswith(path)]
        return b"".join(encode_row(key) for key in keys) + ITERATION_DONE

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands = CommandReader()
        while data := await reader.read(65_536):
            for command in commands.feed(data):
                writer.write(self.answer(command))
        writer.close()


@asynccontextmanager
async def dict_server(port: int = 0) -> AsyncIterator[DictServer]:
    """Listen on loopback until the block ends."""
    content = DictServer()
    server = await asyncio.start_server(content.serve, "127.0.0.1", port)
    content.port = server.sockets[0].getsockname()[1]
    async with server:
        yield content
