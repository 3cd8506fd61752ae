"""SMTP smuggling: of all ends of data that some server takes, only CRLF.CRLF is one here.

The seven forms are those of the public test tools (CVE-2023-51764 and its relatives): each would
end the message for a lax server, which then takes the rest for commands, past SPF and DKIM.
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
