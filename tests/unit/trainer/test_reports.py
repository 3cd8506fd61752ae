"""Dovecot's reports of moved mail."""

import asyncio
import json

import pytest

from mailstack.aio.http import Request
from mailstack.model.addresses import Address
from mailstack.trainer.moves import Moves
from mailstack.trainer.reports import Reports, user_of

EVENT = {
    "event": "sieve_runtime_script_finished",
    "fields": {"user": "Anna@example.org", "session": "x", "cmd_name": "UID MOVE"},
}


class Full(Moves):
    """Has no room."""

    def moved(self, address: Address) -> bool:
        assert address
        return False


def report(moves: Moves, method: str, path: str, body: bytes) -> int:
    """The status of the answer."""
    request = Request(method, tuple(path.split("/")[1:]), {}, body)
    return asyncio.run(Reports(moves).handle(request)).status


async def learn(_: Address) -> None:
    raise AssertionError("nobody runs the queue here")


async def test_a_report_is_taken() -> None:
    """The user of Dovecot's event is dealt with soon."""
    moves = Moves(learn)
    body = json.dumps(EVENT).encode()
    assert (await Reports(moves).handle(Request("POST", ("moved",), {}, body))).status == 202
    assert moves.waiting == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"{}", b'{"fields":{"user":1}}', b'{"fields":{"user":"anna"}}'],
)
def test_no_report(body: bytes) -> None:
    """What names no user is refused."""
    assert report(Moves(learn), "POST", "/moved", body) == 400


@pytest.mark.parametrize(("method", "path"), [("GET", "/moved"), ("POST", "/train"), ("PUT", "/")])
def test_nothing_else_can_be_asked(method: str, path: str) -> None:
    """There is one thing to say on this port."""
    assert report(Moves(learn), method, path, json.dumps(EVENT).encode()) == 404


def test_no_room() -> None:
    """Dovecot is told that the report was not taken."""
    assert report(Full(learn), "POST", "/moved", json.dumps(EVENT).encode()) == 503


def test_the_user_is_spelt_as_everywhere() -> None:
    """In the one form that the stack compares."""
    assert user_of(json.dumps(EVENT).encode()) == "anna@example.org"
