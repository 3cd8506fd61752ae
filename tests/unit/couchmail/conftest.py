"""The service that the tests of this folder ask."""

from collections.abc import AsyncIterator

import pytest
from tests.unit.couchmail.running import Running, running


@pytest.fixture
async def couchmail() -> AsyncIterator[Running]:
    """Couchmail with ``DOCUMENTS`` in its store."""
    async with running() as service:
        yield service
