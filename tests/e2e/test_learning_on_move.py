"""What a user corrects reaches the trainer at once, through the whole stack."""

import re
import time
import urllib.request

from tests.e2e.stack import Stack

from mailstack.demo import letter
from mailstack.topology.stack import STACK

_RUNS = re.compile(r"^mailstack_trainer_runs_total\{.*\} (\S+)$", re.MULTILINE)

_TOLD = re.compile(r"^dovecot_moved_total(?:\{.*\})? (\d+)$", re.MULTILINE)


def runs(stack: Stack) -> float:
    """How many users' runs the trainer has ended."""
    port = STACK.service("trainer").port("http").number + stack.throwaway.offset
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
        return sum(map(float, _RUNS.findall(page.read().decode())))


def test_a_correction_is_dealt_with_at_once(stack: Stack) -> None:
    """Moving a message to Spam begins a run for its user within seconds; to Trash begins none."""
    user = stack.user()
    subject = stack.fresh("moved ")
    assert stack.send(user.address, subject, letter.HAM).code == 250
    stack.delivered(user, subject)
    with stack.mailbox(user) as mailbox:
        imap = mailbox.imap
        imap.select("INBOX")
        imap.uid("COPY", "1:*", "Trash")
        imap.uid("COPY", "1:*", "Archive")
        before = runs(stack)
        imap.uid("MOVE", "1:*", "Spam")
    deadline = time.monotonic() + 60
    while runs(stack) == before:
        assert time.monotonic() < deadline, "the trainer was not told"
        time.sleep(0.1)
    port = STACK.service("dovecot").port("metrics").number + stack.throwaway.offset
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
        told = _TOLD.search(page.read().decode())
    assert told is not None
    assert int(told[1]) >= 1
