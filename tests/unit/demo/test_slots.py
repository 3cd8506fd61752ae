"""Locks of the small internets: free when nobody uses them, however their user ended."""

import subprocess
import sys
from uuid import uuid4

import pytest

from mailstack.demo import slots
from mailstack.demo.addresses import Plan
from mailstack.errors import ServiceFailed

_HOLD = """
import socket, sys
lock = socket.socket(socket.AF_UNIX)
lock.bind(chr(0) + sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def names() -> str:
    """Names that no other test and no demonstration has."""
    return f"test-{uuid4()}-"


def test_a_second_one_gets_another_slot(names: str) -> None:
    """Two runs at the same time must not share a network."""
    with (
        slots.taken(lambda _: None, names=names) as (first, _),
        slots.taken(lambda _: None, names=names) as (second, _),
    ):
        assert first.slot != second.slot


def test_what_a_dead_run_left_is_cleaned_and_what_a_living_one_uses_is_not(names: str) -> None:
    """The lock of a killed process is free again, and its slot is cleaned before it is used."""
    cleaned: list[Plan] = []
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, f"{names}0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with slots.taken(cleaned.append, names=names) as (plan, _):
            assert plan == Plan(1)
        assert Plan(0) not in cleaned
        holder.kill()
    with slots.taken(cleaned.append, names=names) as (plan, _):
        assert plan == Plan(0)
    assert Plan(0) in cleaned


def test_a_child_that_lives_on_keeps_the_slot(names: str) -> None:
    """The outside process inherits the lock, so the slot is in use until that one ends."""
    with slots.taken(lambda _: None, names=names) as (first, lock):
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,)
        )
    with child:
        with slots.taken(lambda _: None, names=names) as (second, _):
            assert second != first
        child.kill()
    with slots.taken(lambda _: None, names=names) as (third, _):
        assert third == first


def test_all_in_use_is_one_clear_line(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every small internet is in use, the error says so and what to do."""
    monkeypatch.setattr(slots, "SLOTS", 1)
    with (
        slots.taken(lambda _: None, names=names),
        pytest.raises(ServiceFailed, match="in use; stop a demo"),
        slots.taken(lambda _: None, names=names),
    ):
        pass
