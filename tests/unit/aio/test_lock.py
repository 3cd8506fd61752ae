"""One holder at a time."""

import os
from pathlib import Path

import pytest

from mailstack.aio import lock


def test_second_holder_is_refused(tmp_path: Path) -> None:
    """Who comes second learns who holds the lock; after its release the way is free."""
    path = tmp_path / "lock"
    assert not lock.is_held(path)
    held = lock.take(path)
    assert lock.is_held(path)
    with pytest.raises(lock.Locked) as refused:
        lock.take(path)
    assert refused.value.holder == os.getpid()
    held.release()
    assert not lock.is_held(path)
    lock.take(path).release()


def test_dead_holder_holds_nothing(tmp_path: Path) -> None:
    """A file that names a holder is no lock by itself."""
    path = tmp_path / "lock"
    path.write_text("1\n")
    assert lock.holder(path) == 1
    assert not lock.is_held(path)
    lock.take(path).release()
    path.write_text("what?")
    assert lock.holder(path) == 0
