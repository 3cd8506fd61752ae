"""What one user wants of the spam filter, and that it is nobody else's business."""

import time
from email.message import EmailMessage

from tests.e2e.stack import SENDER, Stack, User

IN_FORCE_S = 1.0
"""After the command has returned; that is the promise."""


def dubious(subject: str, sender: str = SENDER) -> bytes:
    """A message of some points, but fewer than five: nothing says when it was written."""
    lines = [f"From: {sender}", "To: you@example.net", f"Subject: {subject}", "", "buy\r\n"]
    return "\r\n".join(lines).encode()


def wish(stack: Stack, *arguments: str) -> None:
    """Change a profile, and give it the second that it may take."""
    stack.cli("spam", *arguments)
    time.sleep(IN_FORCE_S)


def delivered(stack: Stack, user: User, subject: str, folder: str) -> EmailMessage:
    return stack.delivered(user, subject, folder)


def test_a_threshold_is_ones_own(stack: Stack) -> None:
    """The same message is spam to who is strict, and none to the others, who see no reason."""
    strict, other = stack.user(), stack.user()
    wish(stack, "set", strict.address, "--threshold", "1")
    octets = dubious("strict")
    sent = stack.send(strict.address, octets=octets, more_recipients=[other.address])
    assert sent.code == 250
    spam = delivered(stack, strict, "strict", "Spam")
    ham = delivered(stack, other, "strict", "INBOX")
    assert "required=1.0" in spam["X-Spam-Status"]
    assert "required=5.0" in ham["X-Spam-Status"]
    assert "Missing Date: header" in spam["X-Spam-Reason"]
    assert " of 1.0: " in spam["X-Spam-Reason"]
    assert ham["X-Spam-Reason"] is None


def test_a_blocked_sender(stack: Stack) -> None:
    """Mail of a blocked sender goes to Spam a second later, and to the Inbox when it is over."""
    user = stack.user()
    wish(stack, "block", user.address, SENDER)
    stack.send(user.address, "blocked")
    assert "USER_IN_BLOCKLIST" in delivered(stack, user, "blocked", "Spam")["X-Spam-Reason"]
    wish(stack, "block", user.address, SENDER, "--remove")
    stack.send(user.address, "blocked no more")
    delivered(stack, user, "blocked no more", "INBOX")


def test_an_allowed_sender(stack: Stack) -> None:
    """Mail of an allowed sender, who is who they say, is welcome whatever it looks like."""
    user = stack.user()
    stack.cli("spam", "set", user.address, "--threshold", "1")
    wish(stack, "allow", user.address, SENDER)
    stack.send(user.address, octets=dubious("allowed"))
    assert "USER_IN_" in delivered(stack, user, "allowed", "INBOX")["X-Spam-Status"]


def test_rules_of_ones_own(stack: Stack) -> None:
    """A rule counts for who wrote it, and its words are the reason."""
    user, other = stack.user(), stack.user()
    rules = (
        "body USER_FROGS /purple frogs/i\nscore USER_FROGS 7\n"
        "describe USER_FROGS Somebody writes of frogs\n"
    )
    stack.cli("spam", "rules", user.address, "-", stdin=rules)
    time.sleep(IN_FORCE_S)
    body = "The Purple Frogs are back.\r\n"
    sent = stack.send(user.address, "frogs", body, more_recipients=[other.address])
    assert sent.code == 250
    reason = delivered(stack, user, "frogs", "Spam")["X-Spam-Reason"]
    assert "Somebody writes of frogs (7 USER_FROGS)" in reason
    assert "USER_FROGS" not in delivered(stack, other, "frogs", "INBOX")["X-Spam-Status"]


def test_an_alias_to_two_users_gives_two_verdicts(stack: Stack) -> None:
    """The mailbox decides, not the address that the sender wrote."""
    strict, other = stack.user(), stack.user()
    both = f"{stack.fresh('both')}@{strict.address.partition('@')[2]}"
    stack.alias(both, strict.address, other.tagged("list"))
    wish(stack, "block", strict.address, SENDER)
    stack.send(both, "to both")
    delivered(stack, strict, "to both", "Spam")
    delivered(stack, other, "to both", "INBOX")


def test_a_removed_user_leaves_no_wishes(stack: Stack) -> None:
    """Whoever gets the address next begins with the defaults."""
    user = stack.user()
    wish(stack, "block", user.address, SENDER)
    stack.cli("user", "remove", user.address, "--yes")
    again = stack.user(user.name)
    time.sleep(IN_FORCE_S)
    assert "block" not in stack.cli("spam", "show", again.address)
    stack.send(again.address, "begun anew")
    delivered(stack, again, "begun anew", "INBOX")
