"""SMTP smuggling: of all ends of data that some server takes, only CRLF.CRLF is one here.

The first seven forms are those of the public test tools (CVE-2023-51764 and its relatives): each
would end the message for a lax server, which then takes the rest for commands, past SPF and DKIM.
"""

import pytest
from tests.e2e.stack import SENDER, Stack, User
from tests.e2e.wire import in_data, wire

ENDS = {
    "lf_dot_lf": b"\n.\n",
    "lf_dot_cr": b"\n.\r",
    "cr_dot_lf": b"\r.\n",
    "cr_dot_cr": b"\r.\r",
    "lf_dot_crlf": b"\n.\r\n",
    "cr_dot_crlf": b"\r.\r\n",
    "crlf_nul_dot_crlf": b"\r\n\0.\r\n",
    "crlf_dot_lf": b"\r\n.\n",
    "crlf_dot_cr": b"\r\n.\r",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_false_end_of_data_smuggles_nothing(stack: Stack, end: bytes) -> None:
    """One DATA is one message or none: what hides behind a false end is never one of its own."""
    user = stack.user()
    _attack(stack, user, end)
    assert stack.send(user.address, "sentinel").code == 250
    stack.delivered(user, "sentinel")
    with stack.mailbox(user) as mailbox:
        subjects = [message["Subject"] for message in mailbox.messages()]
    assert "smuggled" not in subjects
    assert subjects.count("outer") <= 1


def _attack(stack: Stack, user: User, end: bytes) -> None:
    hidden = (
        f"MAIL FROM:<admin@friend.example>\r\nRCPT TO:<{user.address}>\r\nDATA\r\n"
        f"From: admin@friend.example\r\nSubject: smuggled\r\n\r\nx"
    ).encode()
    with wire(stack) as opened:
        in_data(opened, SENDER, user.address)
        outer = b"From: bob@friend.example\r\nSubject: outer\r\n\r\nx"
        opened.send(outer + end + hidden + b"\r\n.\r\nQUIT\r\n")
        replies = opened.replies()
    accepted = [reply for reply in replies if reply.startswith("250 2.0.0 Ok: queued")]
    assert len(accepted) <= 1, replies


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_user_cannot_smuggle_out(stack: Stack, author: User, end: bytes) -> None:
    """What leaves has only CRLF for line ends, so no server after us sees a false end either."""
    recipient = f"{stack.fresh('reader')}@other.example"
    hidden = b"MAIL FROM:<admin@home.example>\r\nRCPT TO:<eve@other.example>\r\nDATA\r\nx"
    with stack.submission(author) as session:
        session.mail(author.address)
        session.rcpt(recipient)
        session.docmd("DATA")
        head = f"From: {author.address}\r\nSubject: outer\r\n\r\nx".encode()
        session.send(head + end + hidden + b"\r\n.\r\n")
        accepted = session.getreply()[0] == 250
    if accepted:
        [received] = stack.internet.received(recipient=recipient, timeout_s=60)
        whole = received.octets.replace(b"\r\n", b"")
        assert b"\r" not in whole
        assert b"\n" not in whole
    assert not stack.internet.received(sender="admin@home.example", timeout_s=0)


@pytest.fixture(scope="module")
def author(shared_stack: Stack) -> User:
    """A user with a grudge."""
    return shared_stack.user()
