"""The service that the tests of this folder ask."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.unit.couchmail.process import ACCOUNT
from tests.unit.couchmail.running import Running, running


@pytest.fixture
async def couchmail() -> AsyncIterator[Running]:
    """Couchmail with ``DOCUMENTS`` in its store."""
    async with running() as service:
        yield service


@pytest.fixture
def folder() -> Iterator[Path]:
    """A state folder that another account may enter, and write to."""
    with TemporaryDirectory(prefix="ms-") as name:
        path = Path(name)
        path.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(path, ACCOUNT, ACCOUNT)
        yield path
