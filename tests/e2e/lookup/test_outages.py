"""The datastore fails in every way it can while mail comes in and users log in.

"Cannot tell" must never become "no such user": no 5xx, no wrong password, and once it is over all
mail that was accepted is there.
"""

import imaplib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.stack import Stack, User
from tests.e2e.traffic import Traffic, flowing, wait_until

_LOGIN_PAUSE_S = 0.2
_HELD_S = 2.0
"""How long a fault lasts that has no event to wait for."""


@contextmanager
def supervisor_held(stack: Stack) -> Iterator[None]:
    """Stop the supervisor, so that nothing is started again during the block."""
    supervisor = stack.throwaway.supervisor()
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


def down(stack: Stack, traffic: Traffic) -> None:
    """Its process is killed again and again, as soon as it is back."""
    del traffic
    for _ in range(3):
        stack.wait_for_another("couchmail", stack.kill("couchmail"))


def partition(stack: Stack, traffic: Traffic) -> None:
    """Nobody answers at its ports for some seconds."""
    pid = stack.pid("couchmail")
    with supervisor_held(stack):
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: bool(traffic.deferred))
        time.sleep(_HELD_S)


def silence(stack: Stack, traffic: Traffic) -> None:
    """It takes questions and answers none, as behind a firewall that drops what it gets."""
    del traffic
    pid = stack.pid("couchmail")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(_HELD_S)
    finally:
        os.kill(pid, signal.SIGCONT)


def slow(stack: Stack, traffic: Traffic) -> None:
    """Every answer takes long."""
    del traffic
    pid = stack.pid("couchmail")
    for _ in range(5):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(_HELD_S / 5)
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.05)


def restart(stack: Stack, traffic: Traffic) -> None:
    """It ends in good order and starts again."""
    del traffic
    stack.wait_for_another("couchmail", stack.kill("couchmail", signal.SIGTERM))


def _database(stack: Stack) -> Path:
    return stack.state / "data" / "couchmail" / "store" / "mail.sqlite"


FAULTS = (down, partition, silence, slow, restart)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_no_fault_bounces(stack: Stack, fault: Callable[[Stack, Traffic], None]) -> None:
    """Nobody's mail is refused for good, no password is called wrong, no accepted mail is lost."""
    user = stack.user()
    with flowing(stack, user) as traffic, logging_in(stack, user) as seen:
        traffic.wait_for(3)
        fault(stack, traffic)
        stack.wait_healthy()
        traffic.wait_for(3)
    assert traffic.check() == 0
    assert_no_refusal(seen)


def test_corrupt(fresh_stack: Stack) -> None:
    """A datastore of garbage is no empty datastore; put right, all goes on by itself."""
    stack, user = fresh_stack, fresh_stack.user()
    nobody = f"nobody@{user.address.partition('@')[2]}"
    before = stack.pid("couchmail")
    with flowing(stack, user) as traffic, logging_in(stack, user) as seen:
        traffic.wait_for(3)
        for harm in (_overwritten, _moved_away):
            with harm(_database(stack)):
                stack.wait_for_state("couchmail", "unhealthy")
                assert stack.send(nobody).code // 100 == 4
                _says_so(stack)
            stack.wait_healthy()
            traffic.wait_for(3)
    # An smtpd that saw the outage goes on saying 451 until it ends, in seconds.
    wait_until(lambda: stack.send(nobody).code == 550)
    assert stack.pid("couchmail") == before, "a restart would not have mended the datastore"
    assert traffic.check() == 0
    assert_no_refusal(seen)


def _says_so(stack: Stack) -> None:
    """The command line says so in one line, and that is all it does."""
    done = stack.throwaway.run("user", "list")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1


@contextmanager
def _overwritten(database: Path) -> Iterator[None]:
    """Garbage in place of every page, the file itself being the same one."""
    content = database.read_bytes()
    database.write_bytes(os.urandom(len(content)))
    try:
        yield
    finally:
        database.write_bytes(content)


@contextmanager
def _moved_away(database: Path) -> Iterator[None]:
    """No file at all, as when a volume is not mounted."""
    away = database.with_name("away")
    database.rename(away)
    try:
        yield
    finally:
        away.rename(database)


@contextmanager
def logging_in(stack: Stack, user: User) -> Iterator[Counter[str]]:
    """Log in by IMAP again and again during the block; count what came of it.

    Not by SMTP: Postfix says 535 even when Dovecot tells it that a failure is temporary.
    """
    seen, stop = Counter[str](), threading.Event()

    def work() -> None:
        while not stop.wait(_LOGIN_PAUSE_S):
            seen[_imap(stack, user)] += 1

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            yield seen
        finally:
            stop.set()
    working.result()


def _imap(stack: Stack, user: User) -> str:
    try:
        with stack.mailbox(user):
            return "ok"
    except (imaplib.IMAP4.error, OSError) as error:
        return str(error)


def assert_no_refusal(seen: Counter[str]) -> None:
    """Assert that no login was told that the password is wrong, and that some were right."""
    wrong = [answer for answer in seen if "AUTHENTICATIONFAILED" in answer]
    assert not wrong, wrong
    assert seen["ok"]
