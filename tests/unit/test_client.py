"""The client of couchmail's API, against servers that misbehave."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailstack.client import Client, UnixTransport, problem
from mailstack.errors import (
    DocumentExists,
    DocumentMissing,
    InvalidDocument,
    MailstackError,
    RevisionConflict,
    StoreUnavailable,
)
from mailstack.model.target import target


@contextmanager
def answering(path: Path, answer: bytes, *, read: int = 65_536) -> Iterator[Client]:
    """Accept one connection, read at most ``read`` octets, answer, and close."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            with listener.accept()[0] as connection:
                connection.recv(read)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Client(UnixTransport(path), timeout_s=5)
        thread.join(5)


def answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, DocumentMissing),
        (409, DocumentExists),
        (412, RevisionConflict),
        (422, InvalidDocument),
        (400, InvalidDocument),
        (503, StoreUnavailable),
        (500, MailstackError),
    ],
)
def test_a_problem_is_an_error_of_its_kind(status: int, kind: type[MailstackError]) -> None:
    """Each status is the error that it was on the other side, with its sentence."""
    error = problem(status, b'{"title": "Title", "detail": "the sentence"}')
    assert type(error) is kind
    assert str(error) == "the sentence"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff"])
def test_a_problem_without_words(body: bytes) -> None:
    """What is no problem document still names the status."""
    assert str(problem(502, body)) == "couchmail answered 502"


def test_names_do_not_become_paths() -> None:
    """A slash or question mark in a name stays in its segment."""
    assert target("users", "a/../b?c@x", query={"q": "ü&"}) == (
        "/v1/users/a%2F..%2Fb%3Fc@x?q=%C3%BC%26"
    )


def test_nothing_listens(tmp_path: Path) -> None:
    """A stack that does not run is told with the command that starts it."""
    client = Client(UnixTransport(tmp_path / "api.sock"))
    with pytest.raises(MailstackError, match=r"not running .*; start the stack with"):
        client.call("GET", "users")


def test_a_left_over_socket(tmp_path: Path) -> None:
    """A socket file whose server was killed is no server."""
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(MailstackError, match="not running"):
        Client(UnixTransport(path)).call("GET", "users")


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    """A long state folder is an error in words, too."""
    with pytest.raises(MailstackError, match="too long"):
        Client(UnixTransport(tmp_path / ("x" * 200))).call("GET", "users")


def test_a_silent_server(tmp_path: Path) -> None:
    """A server that takes the connection and says nothing is given up in time."""
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(MailstackError, match="did not answer in time"):
            Client(UnixTransport(path), timeout_s=0.05).call("GET", "users")


@pytest.mark.parametrize("said", [b"", b"garbage\r\n\r\n", answer("200 OK", b'{"a": 1}')[:-3]])
def test_a_server_that_dies(tmp_path: Path, said: bytes) -> None:
    """A connection that breaks in the middle is one error, not a traceback."""
    with (
        answering(tmp_path / "api.sock", said) as client,
        pytest.raises(MailstackError, match="connection to couchmail broke"),
    ):
        _ = client.call("GET", "users").fields


def test_an_answer_before_the_end_of_the_question(tmp_path: Path) -> None:
    """A refusal that comes while the body is still being sent is read all the same."""
    refused = answer("413 Too Large", json.dumps({"detail": "too large"}).encode())
    body = (b"x" * 65_536 for _ in range(200))
    with (
        answering(tmp_path / "api.sock", refused, read=100) as client,
        pytest.raises(MailstackError, match="too large"),
    ):
        list(client.lines("POST", "import", body=body))


def test_lines_come_one_by_one(tmp_path: Path) -> None:
    """A streamed answer is read line by line."""
    with answering(tmp_path / "api.sock", answer("200 OK", b"1\n2\n3")) as client:
        assert list(client.lines("GET", "export")) == [b"1\n", b"2\n", b"3"]
