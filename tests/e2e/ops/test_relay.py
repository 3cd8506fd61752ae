"""An open relay? Asked in every way that robots ask, from outside and from this machine."""

import socket

import pytest
from tests.e2e.stack import SENDER, Stack
from tests.e2e.wire import Wire, wire

from mailstack.demo.throwaway import DOMAIN

VICTIM = "victim@elsewhere.example"
RECIPIENTS = (
    f"<{VICTIM}>",
    "<victim%elsewhere.example>",
    f"<victim%elsewhere.example@{DOMAIN}>",
    f"<victim%elsewhere.example@mail.{DOMAIN}>",
    "<elsewhere.example!victim>",
    f"<elsewhere.example!victim@{DOMAIN}>",
    f"<@{DOMAIN}:{VICTIM}>",
    f"<@mail.{DOMAIN},@{DOMAIN}:{VICTIM}>",
    f'<"{VICTIM}">',
    f'<"{VICTIM}"@{DOMAIN}>',
    f'<"victim%elsewhere.example"@{DOMAIN}>',
    f"<{VICTIM}@{DOMAIN}>",
    f"<{VICTIM}@[127.0.0.1]>",
    "<victim@[198.51.100.7]>",
    "<victim@localhost>",
    f"<victim@elsewhere.example.{DOMAIN}>",
    f"<{VICTIM}\0@{DOMAIN}>",
    f"<{VICTIM},x@{DOMAIN}>",
)
SENDERS = (f"<{SENDER}>", "<>", f"<postmaster@{DOMAIN}>", "<root@localhost>", f"<x@mail.{DOMAIN}>")


def _probe(opened: Wire) -> dict[str, str]:
    """Try every recipient; return those that were not refused, with the reply."""
    assert opened.reply().startswith("220")
    taken = {}
    for number, recipient in enumerate(RECIPIENTS):
        opened.ask("EHLO mail.friend.example")
        opened.ask(f"MAIL FROM:{SENDERS[number % len(SENDERS)]}")
        reply = opened.ask(f"RCPT TO:{recipient}")
        if not reply.startswith(("4", "5")):
            taken[recipient] = reply
    return taken


@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_open_relay_probe_from_outside(stack: Stack, recipient: str) -> None:
    """No spelling of an outside recipient, with no sender, is accepted from outside."""
    with wire(stack) as opened:
        assert opened.reply().startswith("220")
        for sender in SENDERS:
            opened.ask("EHLO mail.friend.example")
            opened.ask(f"MAIL FROM:{sender}")
            reply = opened.ask(f"RCPT TO:{recipient}")
            assert reply.startswith(("4", "5")), f"{sender}: {reply}"


def test_open_relay_probe_from_this_machine(stack: Stack) -> None:
    """Being near is no right to relay: this machine's own addresses get no more than others."""
    at = stack.throwaway.endpoint("postfix", "smtp")
    for source in ("127.0.0.1", at.host):
        connection = socket.create_connection((at.host, at.port), 20, source_address=(source, 0))
        opened = Wire(connection)
        try:
            assert _probe(opened) == {}
        finally:
            opened.close()
