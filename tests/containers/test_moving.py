"""One definition of a mail system, several engines: what one has, another one takes over."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.containers.project import Project
from tests.e2e.stack import Stack, missing
from tests.e2e.stack import running as on_one_machine

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def machine(stack: Project) -> Iterator[Stack]:
    """A stack without containers, on the same small internet."""
    if reason := missing():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="mailstack-test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with on_one_machine(folder, stack.internet) as running:
            stack.throwaway.publish(stack.throwaway.domain)
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_users_move_into_containers(stack: Project, machine: Stack) -> None:
    """What a single machine exports, the containers import; passwords, aliases and scripts hold."""
    user, alias = machine.user("moving"), "moved-alias@home.example"
    machine.alias(alias, user.address)
    stack.cli("import", "-", stdin=machine.cli("export"))
    assert stack.send(alias, "to the new place").code == 250
    assert stack.delivered(user, "to the new place")
