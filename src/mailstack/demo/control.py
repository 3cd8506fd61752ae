"""How the demo and the tests ask the outside to do something: one JSON line each way.

Over a unix socket, one connection for each question, so that any thread may ask at any time. The
answer to ``connect`` brings a socket with it (SCM_RIGHTS, unix(7)): it was opened in the outside's
network, so whoever holds it speaks from there.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailstack.errors import ServiceFailed

_MAX_LINE = 256 * 1024**2
"""Octets of one line; a ledger of ten thousand messages fits."""
_CHUNK = 65_536
_SLACK_S = 5.0
"""Beyond the time a question itself may take."""

Fields = Mapping[str, Any]
"""One parsed JSON object; each reader turns it into its own type at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Fields to send back, and a socket that goes with them."""

    fields: Fields
    connection: socket.socket | None = None


Handler = Callable[[str, Fields], Awaitable[Answer]]


def ask(
    control: Path, question: str, *, timeout_s: float = 10.0, **fields: object
) -> tuple[Fields, socket.socket | None]:
    """Ask, and wait for the answer.

    Raises:
        ServiceFailed: the outside says that it could not, or it does not answer at all.
    """
    line = json.dumps({"question": question, "timeout_s": timeout_s, **fields}) + "\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s + _SLACK_S)
            connection.connect(str(control))
            connection.sendall(line.encode())
            answer, descriptor = _read_answer(connection)
    except (OSError, ValueError) as error:
        raise ServiceFailed(f"the outside does not answer {question!r}: {error}") from error
    if "error" in answer:
        raise ServiceFailed(f"the outside could not {question}: {answer['error']}")
    return answer, descriptor


def _read_answer(connection: socket.socket) -> tuple[Fields, socket.socket | None]:
    data, passed, _, _ = socket.recv_fds(connection, _CHUNK, 1)
    parts = [data]
    while data and not data.endswith(b"\n"):
        parts.append(data := connection.recv(_CHUNK))
    fields: Fields = json.loads(b"".join(parts))
    return fields, socket.socket(fileno=passed[0]) if passed else None


@asynccontextmanager
async def answering(path: Path, handler: Handler) -> AsyncIterator[None]:
    """Answer questions on the unix socket ``path`` until the end of the block."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(socket.SOMAXCONN)
        listener.settimeout(0)
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(_accept(listener, handler))
            try:
                yield
            finally:
                accepting.cancel()


async def _accept(listener: socket.socket, handler: Handler) -> None:
    """Take connections; cancelling this cancels the conversations too."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as conversations:
        while True:
            connection, _ = await loop.sock_accept(listener)
            conversations.create_task(_converse(connection, handler))


async def _converse(connection: socket.socket, handler: Handler) -> None:
    with connection:
        connection.settimeout(0)
        try:
            answer = await _answer(await _read_line(connection), handler)
        except (OSError, ValueError):
            return  # Whoever asked has gone, or does not speak our language.
        try:
            await _send(connection, answer)
        except OSError:
            return
        finally:
            if answer.connection is not None:
                answer.connection.close()


async def _answer(line: bytes, handler: Handler) -> Answer:
    fields = json.loads(line)
    try:
        return await handler(fields["question"], fields)
    except (OSError, KeyError, ValueError) as error:
        return Answer({"error": f"{type(error).__name__}: {error}"})


async def _send(connection: socket.socket, answer: Answer) -> None:
    line = json.dumps(answer.fields).encode() + b"\n"
    if answer.connection is not None:
        # A descriptor travels with octets; this line is short and the buffer is empty.
        socket.send_fds(connection, [line], [answer.connection.fileno()])
        return
    await asyncio.get_running_loop().sock_sendall(connection, line)


async def _read_line(connection: socket.socket) -> bytes:
    loop, length = asyncio.get_running_loop(), 0
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        data = await loop.sock_recv(connection, _CHUNK)
        parts.append(data)
        length += len(data)
        if not data or length > _MAX_LINE:
            raise ValueError("no whole line")
    return b"".join(parts)
