"""Asking the outside: one line each way, and a socket where one was asked for."""

import asyncio
import socket
from pathlib import Path

import pytest

from mailstack.demo import control
from mailstack.demo.control import Answer, Fields
from mailstack.errors import ServiceFailed


async def _handler(question: str, fields: Fields) -> Answer:
    match question:
        case "echo":
            return Answer({"text": fields["text"]})
        case "socket":
            ours, theirs = socket.socketpair()
            ours.sendall(b"hello")
            ours.close()
            return Answer({}, theirs)
    raise ValueError("no such question")


async def test_a_long_text_comes_back(tmp_path: Path) -> None:
    """A ledger of messages is far longer than one read."""
    text = "long " * 200_000
    async with control.answering(tmp_path / "s", _handler):
        answer, _ = await asyncio.to_thread(control.ask, tmp_path / "s", "echo", text=text)
    assert answer == {"text": text}


async def test_a_socket_comes_with_the_answer(tmp_path: Path) -> None:
    """Whoever asks for a connection gets the open socket itself."""
    async with control.answering(tmp_path / "s", _handler):
        _, passed = await asyncio.to_thread(control.ask, tmp_path / "s", "socket")
    assert passed is not None
    with passed:
        assert passed.recv(10) == b"hello"


async def test_what_the_outside_cannot_do_is_an_error_here(tmp_path: Path) -> None:
    """The reason arrives where it was asked."""
    async with control.answering(tmp_path / "s", _handler):
        with pytest.raises(ServiceFailed, match="could not dance: ValueError: no such question"):
            await asyncio.to_thread(control.ask, tmp_path / "s", "dance")


async def test_one_who_waits_holds_up_nobody(tmp_path: Path) -> None:
    """Questions are answered side by side; whoever still waits at the end is cut off."""
    asked = asyncio.Event()

    async def handler(question: str, fields: Fields) -> Answer:
        if question == "wait":
            asked.set()
            await asyncio.Event().wait()
        return await _handler(question, fields)

    async with control.answering(tmp_path / "s", handler):
        waiting = asyncio.create_task(asyncio.to_thread(control.ask, tmp_path / "s", "wait"))
        await asked.wait()
        answer, _ = await asyncio.to_thread(control.ask, tmp_path / "s", "echo", text="x")
        assert answer == {"text": "x"}
    with pytest.raises(ServiceFailed, match="does not answer 'wait'"):
        await waiting


async def test_one_who_hangs_up_harms_nobody(tmp_path: Path) -> None:
    """Half a line and an end is not a question."""
    async with control.answering(tmp_path / "s", _handler):
        _, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b'{"question":')
        await writer.drain()
        writer.close()
        answer, _ = await asyncio.to_thread(control.ask, tmp_path / "s", "echo", text="x")
    assert answer == {"text": "x"}


def test_nobody_there(tmp_path: Path) -> None:
    """An outside that has ended is named as such."""
    with pytest.raises(ServiceFailed, match="does not answer"):
        control.ask(tmp_path / "s", "echo")
