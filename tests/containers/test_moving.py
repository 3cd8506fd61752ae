"""One definition of a mail system, several engines: what one has, another one takes over."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest
from tests.containers.podman import call
from tests.containers.project import Project
from tests.e2e.stack import Stack, missing
from tests.e2e.stack import running as on_one_machine

from mailstack.demo import letter
from mailstack.deploy import places

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def machine(stack: Project) -> Iterator[Stack]:
    """A stack without containers, on the same small internet."""
    if reason := missing():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="mailstack-test-", dir="/tmp"))
    folder.chmod(0o755)
    _same_master(stack, folder / "var" / "secure")
    try:
        with on_one_machine(folder, stack.internet) as running:
            stack.publish(stack.throwaway.domain)
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _same_master(stack: Project, secure: Path) -> None:
    """What seals the DKIM keys moves with the datastore, or nobody could open them."""
    secure.mkdir(parents=True)
    shutil.copy(stack.folder / "secrets" / "dkim.master", secure / "dkim.master")
    (secure / "dkim.master").chmod(0o600)


def test_users_move_into_containers(stack: Project, machine: Stack) -> None:
    """What a single machine exports, the containers import; passwords, aliases and scripts hold."""
    user, alias = machine.user("moving"), "moved-alias@home.example"
    machine.alias(alias, user.address)
    stack.cli("import", "-", stdin=machine.cli("export"))
    assert stack.send(alias, "to the new place").code == 250
    assert stack.delivered(user, "to the new place")


def test_mail_moves_into_containers(stack: Project, machine: Stack) -> None:
    """With its folders, by Dovecot's own tool, which the other side runs in its container."""
    user = machine.user("carried")
    stack.cli("import", "-", stdin=machine.cli("export"))
    assert machine.send(user.address, "from the machine").code == 250
    assert machine.delivered(user, "from the machine", timeout_s=60)
    assert machine.send(user.address, "win", letter.GTUBE).code == 250
    assert machine.delivered(user, "win", "Spam", timeout_s=60)
    given = [f"{key}={value}" for key, value in stack.podman.environment.items()]
    there = [
        "env",
        *given,
        "podman",
        "exec",
        "-i",
        stack.container("dovecot"),
        *_doveadm(places.STATE),
    ]
    command = [*there, "dsync-server", "-u", user.address]
    _backup(machine, "-u", user.address, *command)
    with stack.mailbox(user) as mailbox:
        assert mailbox.subjects() == ["from the machine"]
        assert mailbox.subjects("Spam") == ["win"]


def _doveadm(state: PurePath) -> list[str]:
    return ["doveadm", "-c", str(state / "conf" / "dovecot" / "current" / "dovecot.conf")]


def _backup(machine: Stack, *arguments: str) -> None:
    """Make one side like the other; the other one is behind the command at the end."""
    argv = [*_doveadm(machine.state), "backup", *arguments]
    done = call(argv, {}, timeout_s=120)
    assert done.returncode == 0, done.stderr[-2000:]
