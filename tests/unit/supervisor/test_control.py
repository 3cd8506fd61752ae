"""The supervisor's socket, seen by its clients."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from mailstack.errors import ServiceFailed
from mailstack.supervisor import client
from mailstack.supervisor.control import Board, Control, path

HEALTHY = {"service": "mta", "state": "healthy", "reason": "", "at_s": 1.0}


@asynccontextmanager
async def serving(state: Path, board: Board, stop: Callable[[], None]) -> AsyncIterator[None]:
    path(state).parent.mkdir()
    control = Control(board, lambda: {"healthy": True, "services": {}}, stop)
    async with asyncio.TaskGroup() as conversations:

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            conversations.create_task(control.converse(reader, writer))

        async with await asyncio.start_unix_server(begin, path(state)):
            yield
        board.tell({"stopped": True})


def ask(state: Path, what: str) -> list[dict[str, Any]]:
    connection = client.connect(state)
    assert connection is not None
    with connection:
        client.ask(connection, what)
        return list(client.events(connection, 5))


async def test_status(tmp_path: Path) -> None:
    """One question, one answer."""
    async with serving(tmp_path, Board(), lambda: None):
        assert await asyncio.to_thread(client.status, tmp_path) == {"healthy": True, "services": {}}


async def test_watch_from_the_middle(tmp_path: Path) -> None:
    """Who watches late hears the last of each service first, and then all up to the end."""
    board = Board()
    board.tell({**HEALTHY, "state": "starting"})
    board.tell(HEALTHY)
    async with serving(tmp_path, board, lambda: None):
        watching = asyncio.ensure_future(asyncio.to_thread(ask, tmp_path, "watch"))
        async with asyncio.timeout(10):
            while not board._subscribers:  # noqa: ASYNC110 - a subscription makes no event
                await asyncio.sleep(0.001)
        board.tell({"started": True})
        assert await watching == [HEALTHY, {"started": True}]


async def test_watch_after_the_end_of_the_start(tmp_path: Path) -> None:
    """A start that has ended is told at once."""
    board = Board()
    board.tell({"started": True})
    async with serving(tmp_path, board, lambda: None):
        assert await asyncio.to_thread(ask, tmp_path, "watch") == [{"started": True}]


async def test_stop_waits_for_the_end(tmp_path: Path) -> None:
    """A stop is answered when everything has stopped, not when the start once ended."""
    board = Board()
    board.tell({"started": True})
    async with serving(tmp_path, board, lambda: board.tell({"stopped": True})):
        assert await asyncio.to_thread(ask, tmp_path, "stop") == [{"stopped": True}]


@pytest.mark.parametrize("request_", [b"{}\n", b"[]\n", b'{"do": "dance"}\n'])
async def test_unknown_request(tmp_path: Path, request_: bytes) -> None:
    """What is no request is answered, and the connection closed."""
    async with serving(tmp_path, Board(), lambda: None):
        reader, writer = await asyncio.open_unix_connection(path(tmp_path))
        writer.write(request_)
        assert json.loads(await reader.read()) == {"failed": "unknown request"}
        writer.close()


@pytest.mark.parametrize("rubbish", [b"not json\n", b"\xff\n", b"x" * 100_000, b""])
async def test_rubbish_closes_the_connection(tmp_path: Path, rubbish: bytes) -> None:
    """Anything else, however long, ends that connection and nothing more."""
    async with serving(tmp_path, Board(), lambda: None):
        reader, writer = await asyncio.open_unix_connection(path(tmp_path))
        writer.write(rubbish)
        writer.write_eof()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert await asyncio.to_thread(client.status, tmp_path) is not None


async def test_a_slow_watcher_is_dropped() -> None:
    """Nobody who does not read can hold up the supervisor or fill its memory."""
    board = Board()
    events = board.events()
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for _ in range(1000):
        board.tell(HEALTHY)
    assert await first == HEALTHY
    assert not board._subscribers
    assert len([event async for event in events]) < 1000


def test_nobody_runs(tmp_path: Path) -> None:
    """Without a supervisor there is no status, also when its socket was left behind."""
    assert client.status(tmp_path) is None
    assert not client.is_running(tmp_path)
    path(tmp_path).parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path(tmp_path)))
    assert client.status(tmp_path) is None


async def test_silence_is_an_error(tmp_path: Path) -> None:
    """A supervisor that does not answer is not waited for without end."""
    async with serving(tmp_path, Board(), lambda: None):
        connection = client.connect(tmp_path)
        assert connection is not None
        client.ask(connection, "watch")
        with connection, pytest.raises(ServiceFailed, match=r"said nothing for 0\.01 s"):
            await asyncio.to_thread(list, client.events(connection, 0.01))
