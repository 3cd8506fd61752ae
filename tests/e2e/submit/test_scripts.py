"""What users' scripts send leaves; nothing else relays without a login."""

import pytest
from tests.e2e.stack import Stack

from mailstack.demo.client import Session
from mailstack.demo.records import FRIEND
from mailstack.errors import ServiceFailed
from mailstack.topology.stack import STACK

ELSEWHERE = "someone@elsewhere.example"
POSTFIX = STACK.service("postfix").ports
PUBLIC = [port.name for port in POSTFIX if port.public]
INTERNAL = [port.name for port in POSTFIX if not port.public]


def script(stack: Stack, address: str, text: str) -> None:
    """Make ``text`` the script that runs for a user's mail."""
    stack.cli("sieve", "put", address, "main", "-", "--activate", stdin=text)


def test_redirect_and_vacation(stack: Stack) -> None:
    """Through the whole stack: the letter goes on to the outside, the reply back to its sender."""
    user = stack.user()
    target = f"{stack.fresh('target')}@{FRIEND}"
    text = 'require ["copy", "vacation"];\nredirect :copy "%s";\nvacation "I am away.";\n'
    script(stack, user.address, text % target)
    subject = stack.fresh("onwards ")
    sender = f"{stack.fresh('writer')}@{FRIEND}"
    assert stack.send(user.address, subject, sender=sender).code == 250
    (onwards,) = stack.internet.received(recipient=target, timeout_s=60)
    assert onwards.sender == user.address
    assert onwards.message["Subject"] == subject
    (reply,) = stack.internet.received(recipient=sender, timeout_s=60)
    assert reply.sender.strip("<>") == ""
    assert [s.verified for s in reply.signatures] == [True, True]
    stack.delivered(user, subject)


@pytest.mark.parametrize("port", PUBLIC)
def test_nothing_public_relays(stack: Stack, port: str) -> None:
    """Without a login no port takes mail for elsewhere, whoever it claims to be from."""
    user = stack.user()
    for sender in ("", user.address, f"bob@{FRIEND}"):
        with _session(stack, port) as session:
            session.ehlo_or_helo_if_needed()
            session.mail(sender)
            code, _ = session.rcpt(ELSEWHERE)
            assert code // 100 == 5


@pytest.mark.parametrize("port", INTERNAL)
def test_what_relays_is_not_reached_from_outside(stack: Stack, port: str) -> None:
    """The port for users' scripts listens on loopback alone."""
    with pytest.raises(ServiceFailed):
        stack.connect(port=port)


def _session(stack: Stack, port: str) -> Session:
    return stack.session() if port == "smtp" else stack.submission(port=port)
