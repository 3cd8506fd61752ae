"""One definition of a mail system, several engines: what one has, another one takes over."""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from imaplib import IMAP4, Internaldate2tuple, ParseFlags, Time2Internaldate
from pathlib import Path, PurePath

import pytest
from tests.containers.podman import call
from tests.containers.project import Project
from tests.e2e.stack import Stack, User, missing
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


def test_mail_moves_into_containers_and_back(stack: Project, machine: Stack) -> None:
    """With folders, flags and dates, by Dovecot's own tool, which calls it in the container."""
    user = machine.user("carried")
    stack.cli("import", "-", stdin=machine.cli("export"))
    assert machine.send(user.address, "from the machine").code == 250
    assert machine.delivered(user, "from the machine", timeout_s=60)
    _keep(machine, user, "Trips/2020", "(\\Seen \\Flagged)", _LONG_AGO)
    _keep(machine, user, "Spam", "($Forwarded)", _LONG_AGO)
    _backup(machine, "-u", user.address, *_there(stack, user))
    carried = _content(machine, user)
    assert _content(stack, user) == carried
    assert carried["Trips/2020"][0].flags == {b"\\Seen", b"\\Flagged"}
    assert stack.send(user.address, "from a container").code == 250
    assert stack.delivered(user, "from a container", timeout_s=60)
    _keep(stack, user, "Trips/2021", "(\\Answered)", _LATER)
    _backup(machine, "-R", "-u", user.address, *_there(stack, user))
    assert _content(machine, user) == _content(stack, user)
    assert machine.delivered(user, "from a container")


_FOLDERS = ("INBOX", "Spam", "Trips/2020", "Trips/2021")
_LONG_AGO, _LATER = 1_577_880_000, 1_609_502_400
"""The beginnings of 2020 and 2021, at noon."""


@dataclass(frozen=True)
class Kept:
    """What must not change about a message that moves."""

    flags: frozenset[bytes]
    date: float
    octets: int


def _keep(stack: Stack, user: User, folder: str, flags: str, date: int) -> None:
    """Append a message as a mail program does, to a folder that is made for it."""
    octets = letter.write(user.address, user.address, folder)
    with stack.mailbox(user) as mailbox:
        mailbox.imap.create(folder)  # it may be there
        assert mailbox.imap.append(folder, flags, Time2Internaldate(date), octets)[0] == "OK"


def _content(stack: Stack, user: User) -> dict[str, list[Kept]]:
    """Return what is in each folder, in its order; a folder that is not there has nothing."""
    with stack.mailbox(user) as mailbox:
        return {name: _listed(mailbox.imap, name) for name in _FOLDERS}


def _listed(imap: IMAP4, folder: str) -> list[Kept]:
    status, (count,) = imap.select(folder, readonly=True)
    if (status, count) == ("OK", b"0") or status != "OK":
        return []
    lines = imap.fetch("1:*", "(FLAGS INTERNALDATE RFC822.SIZE)")[1]
    return [_kept(line) for line in lines if isinstance(line, bytes)]


def _kept(line: bytes) -> Kept:
    flags = frozenset(ParseFlags(line)) - {b"\\Recent"}  # a matter of who has looked
    date, size = Internaldate2tuple(line), re.search(rb"RFC822.SIZE (\d+)", line)
    assert date is not None
    assert size is not None
    return Kept(flags, time.mktime(date), int(size[1]))


def _there(stack: Project, user: User) -> list[str]:
    """Return the command that serves a user's mailbox in Dovecot's container.

    Dovecot runs it without an environment.
    """
    given = (f"{name}={value}" for name, value in stack.podman.environment.items())
    enter = ("podman", "exec", "-i", stack.container("dovecot"))
    return ["env", *given, *enter, *_doveadm(places.STATE), "dsync-server", "-u", user.address]


def _doveadm(state: PurePath) -> list[str]:
    return ["doveadm", "-c", str(state / "conf" / "dovecot" / "current" / "dovecot.conf")]


def _backup(machine: Stack, *arguments: str) -> None:
    """Make one side like the other; the other one is behind the command at the end."""
    argv = [*_doveadm(machine.state), "backup", *arguments]
    done = call(argv, {}, timeout_s=120)
    assert done.returncode == 0, done.stderr[-2000:]
