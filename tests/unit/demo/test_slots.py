"""Locks of the small internets: free when nobody uses them, however their user ended."""

import subprocess
import sys
from pathlib import Path

import pytest

from mailstack.demo import slots
from mailstack.demo.addresses import Plan
from mailstack.errors import ServiceFailed

_HOLD = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_one_gets_another_slot(tmp_path: Path) -> None:
    """Two runs at the same time must not share a network."""
    with (
        slots.taken(lambda _: None, locks=tmp_path) as (first, _),
        slots.taken(lambda _: None, locks=tmp_path) as (second, _),
    ):
        assert first.slot != second.slot


def test_what_a_dead_run_left_is_cleaned_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    """The lock of a killed process is free again, and its slot is cleaned before it is used."""
    cleaned: list[Plan] = []
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / "0")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with slots.taken(cleaned.append, locks=tmp_path) as (plan, _):
            assert plan == Plan(1)
        assert Plan(0) not in cleaned
        holder.kill()
    with slots.taken(cleaned.append, locks=tmp_path) as (plan, _):
        assert plan == Plan(0)
    assert Plan(0) in cleaned


def test_all_in_use_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every small internet is in use, the error says so and what to do."""
    monkeypatch.setattr(slots, "SLOTS", 1)
    with (
        slots.taken(lambda _: None, locks=tmp_path),
        pytest.raises(ServiceFailed, match="in use; stop a demo"),
        slots.taken(lambda _: None, locks=tmp_path),
    ):
        pass
