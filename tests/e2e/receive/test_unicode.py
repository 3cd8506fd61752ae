"""Addresses beyond ASCII: domains by their A-labels, names by SMTPUTF8 (RFC 6531)."""

import pytest
from tests.e2e.stack import SENDER, Stack, User
from tests.e2e.wire import wire

from mailstack.demo.records import FRIEND
from mailstack.demo.throwaway import DOMAIN
from mailstack.errors import ServiceFailed


def _send(stack: Stack, sender: str, recipient: str, subject: str) -> None:
    """Send a message whose addresses need SMTPUTF8; every step must be accepted."""
    steps = (
        "EHLO mail.friend.example",
        f"MAIL FROM:<{sender}> SMTPUTF8 BODY=8BITMIME",
        f"RCPT TO:<{recipient}>",
    )
    octets = f"From: {sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\n\r\nhello\r\n.\r\n"
    with wire(stack) as opened:
        assert opened.reply().startswith("220")
        for step in steps:
            reply = opened.ask(step)
            assert reply.startswith("250"), f"{step}: {reply}"
        assert opened.ask("DATA").startswith("354")
        opened.send(octets.encode())
        assert opened.reply().startswith("250")


def test_utf8_localpart(stack: Stack) -> None:
    """Such a name is an alias of a mailbox with a plain one, and reached in any case."""
    user = stack.user()
    name = stack.fresh("jürgen")
    stack.alias(f"{name}@{DOMAIN}", user.address)
    _send(stack, SENDER, f"{name.upper()}@{DOMAIN}", "to a name beyond ASCII")
    stack.delivered(user, "to a name beyond ASCII")


def test_utf8_mailbox_is_refused(stack: Stack) -> None:
    """Dovecot would not take its mail, so it cannot be created, and the error says what can."""
    with pytest.raises(ServiceFailed, match="make this address an alias"):
        stack.user(stack.fresh("jürgen"))


def test_utf8_sender(stack: Stack) -> None:
    """A sender with such a name reaches a user with a plain one."""
    user = stack.user()
    _send(stack, f"jürgen@{FRIEND}", user.address, "from a name beyond ASCII")
    stack.delivered(user, "from a name beyond ASCII")


def test_utf8_unknown_user(stack: Stack) -> None:
    """Such a name that does not exist is refused like any other; so is such a tag of a user."""
    user = stack.user()
    with wire(stack) as opened:
        opened.reply()
        opened.ask("EHLO mail.friend.example")
        opened.ask(f"MAIL FROM:<{SENDER}> SMTPUTF8")
        for recipient in (f"größe@{DOMAIN}", user.tagged("größe")):
            assert opened.ask(f"RCPT TO:<{recipient}>").startswith("550 5.1.1")


def test_idn_domain(stack: Stack) -> None:
    """A domain with letters beyond ASCII is reached by its A-label, and logs in by either."""
    label = stack.fresh("bücher")
    domain = f"{label}.example"
    encoded = f"{label.encode('idna').decode()}.example"
    stack.cli("domain", "add", domain)
    user = stack.user("leser", domain=domain)
    assert stack.send(f"leser@{encoded}", "idn").code == 250
    stack.delivered(user, "idn")
    stack.delivered(User(f"leser@{encoded}", user.password), "idn")
