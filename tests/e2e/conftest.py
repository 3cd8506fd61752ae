"""Fixtures of the end-to-end tests: one stack for all of them, and a fresh one for the destructive.

When a test fails, what each service logged during it is attached to its report.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.stack import Stack, missing, running
from tests.folder import state_folder

from mailstack.demo.internet import SmallInternet, small_internet

_TAIL = 60
"""Lines of one service's log in a report."""
_LOGS = pytest.StashKey[tuple[Stack, dict[Path, int]]]()


@contextmanager
def _stack() -> Iterator[Stack]:
    if reason := missing():
        pytest.skip(reason)
    with (
        state_folder() as folder,
        state_folder() as outside,
        small_internet(outside) as internet,
        running(folder, internet) as stack,
    ):
        yield stack


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[Stack]:
    """The stack that all tests share, behind ``stack``."""
    with _stack() as stack:
        yield stack


@pytest.fixture
def stack(shared_stack: Stack, request: pytest.FixtureRequest) -> Stack:
    """A running stack. Leave it as it was, apart from users and domains of your own."""
    request.node.stash[_LOGS] = (shared_stack, shared_stack.log_sizes())
    return shared_stack


@pytest.fixture
def fresh_stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A stack of this test alone, to be broken."""
    with _stack() as stack:
        request.node.stash[_LOGS] = (stack, {})
        yield stack


@pytest.fixture(scope="module")
def second_stack() -> Iterator[Stack]:
    """A stack that the tests of one module share, beside the one that all share."""
    with _stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def internet(shared_stack: Stack) -> SmallInternet:
    """The small internet around the shared stack."""
    return shared_stack.internet


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the services' logs to a failure."""
    report = yield
    if report.failed and _LOGS in item.stash:
        stack, sizes = item.stash[_LOGS]
        for service, text in stack.log_since(sizes).items():
            tail = "\n".join(text.splitlines()[-_TAIL:])
            report.sections.append((f"{service} logged", tail))
    return report
