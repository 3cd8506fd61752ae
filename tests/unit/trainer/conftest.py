"""One world for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.trainer.world import World, open_ledger


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Everything around a user's run, in memory but for the ledger."""
    ledger = open_ledger(tmp_path)
    yield World(ledger)
    ledger.close()
