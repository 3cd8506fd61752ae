"""How the queue is counted, from what postqueue(1) prints."""

import json

import pytest

from mailstack.daemons.postfix.queue import Waiting


def line(arrived: int, queue: str = "deferred") -> bytes:
    """One message, as postqueue(1) has it."""
    one = {"queue_name": queue, "queue_id": "ABC", "arrival_time": arrived, "recipients": []}
    return json.dumps(one).encode() + b"\n"


def test_counting() -> None:
    """All that is there, what could not be delivered of it, and when the oldest came."""
    waiting = Waiting()
    for one in (line(3000), line(1000, "active"), line(2000, "incoming")):
        waiting.count(one)
    assert waiting == Waiting(messages=3, deferred=1, oldest=1000)
    told = waiting.numbers("postfix")
    assert 'mailstack_queue_messages{service="postfix"} 3' in told
    assert 'mailstack_queue_deferred_messages{service="postfix"} 1' in told
    assert 'mailstack_queue_oldest_seconds{service="postfix"} 1000' in told


def test_an_empty_queue() -> None:
    """Every series is there."""
    assert Waiting().numbers("postfix").count("} 0\n") == 3


@pytest.mark.parametrize("bad", [b"postqueue: fatal: no", b"[]", b"{}", b'{"arrival_time": null}'])
def test_nonsense(bad: bytes) -> None:
    """What is no message is an error, and counts as none."""
    waiting = Waiting()
    with pytest.raises(ValueError, match=r"postqueue printed|Expecting value"):
        waiting.count(bad)
    assert waiting == Waiting()
