"""How much one user may send within a day."""

import os
import signal
from pathlib import Path

from tests.e2e.stack import SETTINGS, Stack, User

from mailstack.contentfilter.usage import DAY_S, SLOT_S
from mailstack.demo import letter
from mailstack.demo.client import Attempt, hand_over

_LIMIT = int(SETTINGS["submission.max_recipients_per_day"])
_OF_ONE_MESSAGE = int(SETTINGS["smtp.max_recipients"])


def _submit(stack: Stack, user: User, recipients: int) -> Attempt:
    readers = [f"{stack.fresh('reader')}@other.example" for _ in range(recipients)]
    octets = letter.write(user.address, readers[0], "one of many")
    with stack.submission(user) as session:
        return hand_over(session, user.address, readers, octets)


def _use_up(stack: Stack, user: User, leave: int) -> None:
    for recipients in (_OF_ONE_MESSAGE, _LIMIT - _OF_ONE_MESSAGE - leave):
        assert _submit(stack, user, recipients).code == 250


def _usage(stack: Stack) -> Path:
    return stack.state / "data" / "contentfilter" / "usage" / "submissions"


def _restart_filter(stack: Stack) -> None:
    stack.wait_for_another("contentfilter", stack.kill("contentfilter"))


def test_per_recipient_count(stack: Stack) -> None:
    """Recipients count, not messages: what does not fit as a whole is not sent in part."""
    user = stack.user()
    _use_up(stack, user, leave=1)
    refused = _submit(stack, user, 2)
    assert (refused.code, refused.text[:5]) == (450, "4.7.1")
    assert f"has sent to {_LIMIT - 1} recipients within 24 hours" in refused.text
    assert _submit(stack, user, 1).code == 250


def test_rate_limit_hit_and_reset(stack: Stack) -> None:
    """At the limit nothing more goes, after a restart neither; a day later it goes again."""
    user = stack.user()
    _use_up(stack, user, leave=0)
    assert _submit(stack, user, 1).code == 450
    assert _submit(stack, stack.user(), 1).code == 250  # nobody else is held up
    assert stack.send(user.address, "receives all the same").code == 250
    _restart_filter(stack)
    assert _submit(stack, user, 1).code == 450
    _make_older(_usage(stack), DAY_S + SLOT_S)
    _restart_filter(stack)
    assert _submit(stack, user, 1).code == 250


def test_a_filter_that_dies_holds_mail_for_a_moment(stack: Stack) -> None:
    """Nobody can compare the From field then, so the user comes again; nothing is lost."""
    user = stack.user()
    pid = stack.pid("contentfilter")
    recipient = f"{stack.fresh('reader')}@other.example"
    octets = letter.write(user.address, recipient, "later")
    with stack.submission(user) as session:
        os.kill(pid, signal.SIGKILL)
        assert hand_over(session, user.address, [recipient], octets).code == 451
    stack.wait_for_another("contentfilter", pid)
    with stack.submission(user) as session:
        assert hand_over(session, user.address, [recipient], octets).code == 250
    assert stack.internet.received(recipient=recipient, timeout_s=60)


def _make_older(file: Path, seconds: int) -> None:
    """Move what is counted into the past, which is all that a day's passing would do to it."""
    lines = (line.split(" ", 1) for line in file.read_text().splitlines())
    older = [f"{int(began) - seconds} {rest}\n" for began, rest in lines]
    file.write_text("".join(older))
