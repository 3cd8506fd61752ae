"""As whom a user may send, and what such a message tells of the user."""

import smtplib

import pytest
from tests.e2e.stack import SETTINGS, Stack, User

from mailstack.demo import letter
from mailstack.demo.client import Attempt, hand_over
from mailstack.demo.throwaway import DOMAIN

PORTS = pytest.mark.parametrize("port", ["submission", "submissions"])
_HEADERS = {
    "User-Agent": "Muttonhead 0.1 (leaky)",
    "X-Mailer": "Muttonhead 0.1",
    "X-Originating-IP": "[10.11.12.13]",
    "X-Enigmail-Version": "0.1",
    "X-PGP-Agent": "0.1",
}


def _submit(stack: Stack, user: User, sender: str, recipient: str, port: str) -> Attempt:
    octets = letter.write(sender or user.address, recipient, f"as {sender}")
    with stack.submission(user, port) as session:
        return hand_over(session, sender, [recipient], octets)


@PORTS
def test_send_as_alias_ok(stack: Stack, port: str) -> None:
    """A user sends as an alias that leads to the user, as a tag, and as the catch-all's names."""
    user, domain = stack.user(), stack.domain()
    recipient = f"{stack.fresh('reader')}@other.example"
    name = f"{stack.fresh('sales')}@{DOMAIN}"
    stack.alias(name, user.address)
    stack.alias(f"@{domain}", user.address)
    for sender in (user.address, name, user.tagged("shop"), f"anything@{domain}"):
        assert _submit(stack, user, sender, recipient, port).code == 250, sender
        assert stack.internet.received(recipient=recipient, sender=sender, timeout_s=60)


@PORTS
def test_spoof_rejected(stack: Stack, port: str) -> None:
    """A login cannot send as another user, another's alias, an unused address or an outsider."""
    user, other = stack.user(), stack.user()
    theirs = f"{stack.fresh('theirs')}@{DOMAIN}"
    stack.alias(theirs, other.address)
    nobody = f"{stack.fresh('nobody')}@{DOMAIN}"
    for sender in (other.address, theirs, nobody, "bob@friend.example"):
        reply = _submit(stack, user, sender, "carol@other.example", port)
        assert (reply.code, reply.text[:5]) == (553, "5.7.1"), f"{sender}: {reply}"


def test_no_longer_an_alias(stack: Stack) -> None:
    """The right to send as an alias ends with the alias, for sessions that are open too."""
    user, other = stack.user(), stack.user()
    name = f"{stack.fresh('press')}@{DOMAIN}"
    stack.alias(name, user.address)
    with stack.submission(user) as session:
        assert session.mail(name)[0] == 250
        assert session.rcpt("carol@other.example")[0] == 250
        session.rset()
        stack.cli("alias", "set", name, other.address)
        session.mail(name)
        assert session.rcpt("carol@other.example")[0] == 553


@PORTS
def test_privacy_headers_removed(stack: Stack, port: str) -> None:
    """What is sent tells neither where the user sits nor which program was used."""
    user = stack.user()
    recipient = f"{stack.fresh('reader')}@other.example"
    octets = letter.write(user.address, recipient, "private", headers=_HEADERS)
    with stack.submission(user, port) as session:
        laptop = session.sock.getsockname()[0] if session.sock else ""
        assert hand_over(session, user.address, [recipient], octets).code == 250
    [received] = stack.internet.received(recipient=recipient, timeout_s=60)
    for secret in (laptop, "laptop.local", "Muttonhead", "10.11.12.13"):
        assert secret
        assert secret not in received.text
    assert all(signature.verified for signature in received.signatures)
    assert {signature.domain for signature in received.signatures} == {DOMAIN}


def test_received_mail_keeps_its_headers(stack: Stack) -> None:
    """Header privacy is for users' own mail: what comes in stays as it was signed."""
    user = stack.user()
    octets = letter.write("bob@friend.example", user.address, "open", headers=_HEADERS)
    assert stack.send(user.address, octets=octets).code == 250
    found = stack.delivered(user, "open")
    assert found["User-Agent"] == _HEADERS["User-Agent"]
    assert found["X-Originating-IP"] == _HEADERS["X-Originating-IP"]


def test_disabled_user(stack: Stack) -> None:
    """A disabled user cannot log in, gets no mail, and has both again when enabled."""
    user = stack.user()
    stack.cli("user", "set", user.address, "--disable")
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        stack.submission(user)
    assert refused.value.smtp_code == 535
    assert stack.send(user.address).code == 550
    stack.cli("user", "set", user.address, "--enable")
    with stack.submission(user) as session:
        assert session.noop()[0] == 250
    assert stack.send(user.address, "welcome back").code == 250
    stack.delivered(user, "welcome back")


def test_changed_password(stack: Stack) -> None:
    """A new password is in force at once, and the old one is worth nothing."""
    user = stack.user()
    stack.submission(user).close()
    stack.cli("user", "set", user.address, "--password-stdin", stdin="another battery")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        stack.submission(user)
    stack.submission(User(user.address, "another battery")).close()


@PORTS
def test_per_message_recipients(stack: Stack, port: str) -> None:
    """One message has so many recipients and no more; the others wait for the next one."""
    limit = int(SETTINGS["smtp.max_recipients"])
    user = stack.user()
    with stack.submission(user, port) as session:
        session.mail(user.address)
        codes = [session.rcpt(f"r{n}@other.example")[0] for n in range(limit + 1)]
    assert codes == [250] * limit + [452]


def test_wrong_recipients_are_told_at_once(stack: Stack) -> None:
    """A recipient that cannot exist is refused in the session, not by a bounce."""
    user = stack.user()
    for recipient in (f"{stack.fresh('nobody')}@{DOMAIN}", "x@no-such-domain.example"):
        with stack.submission(user) as session:
            session.mail(user.address)
            assert session.rcpt(recipient)[0] in (450, 550), recipient


@PORTS
def test_without_login(stack: Stack, port: str) -> None:
    """Without a login these ports take nothing, not even for our own users."""
    user = stack.user()
    with stack.submission(port=port) as session:
        session.ehlo()
        session.mail("bob@friend.example")
        assert session.rcpt(user.address)[0] in (530, 554)
