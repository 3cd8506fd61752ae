"""Each domain's mail is signed with the domain's own keys, from the moment it exists."""

import json

import pytest
from tests.e2e.stack import Stack, User

from mailstack.demo import letter
from mailstack.demo.client import hand_over
from mailstack.demo.received import Received
from mailstack.errors import ServiceFailed

LIMIT_S = 60


def _sent(stack: Stack, user: User) -> Received:
    recipient = f"{stack.fresh('reader')}@other.example"
    octets = letter.write(user.address, recipient, "signed?")
    with stack.submission(user) as session:
        assert hand_over(session, user.address, [recipient], octets).code == 250
    (received,) = stack.internet.received(recipient=recipient, timeout_s=LIMIT_S)
    return received


def _selectors(stack: Stack, domain: str, *states: str) -> set[str]:
    found = json.loads(stack.cli("dkim", "show", domain, "--json"))["items"]
    return {key["selector"] for key in found if key["state"] in states}


def test_a_new_domain_signs_with_its_own_keys(stack: Stack) -> None:
    """Keys are there soon after ``domain add``, and both signatures verify outside."""
    domain = f"{stack.fresh('signed')}.example"
    stack.cli("domain", "add", domain)
    stack.cli("dkim", "show", domain, "--wait")
    stack.publish(domain)
    received = _sent(stack, stack.user(domain=domain))
    assert {s.selector for s in received.signatures} == _selectors(stack, domain, "signing")
    assert len(received.signatures) == 2
    assert all(s.verified and s.domain == domain for s in received.signatures)


def test_a_rotation_waits_for_the_world(stack: Stack) -> None:
    """New keys are made at once and shown to be published; the old ones go on signing."""
    domain = stack.domain()
    user = stack.user(domain=domain)
    old = _selectors(stack, domain, "signing")
    told = stack.cli("dkim", "rotate", domain)
    new = _selectors(stack, domain, "made", "published")
    assert len(new) == 2
    assert all(f"{selector}._domainkey.{domain}. 3600 IN TXT" in told for selector in new)
    assert {s.selector for s in _sent(stack, user).signatures} == old
    assert domain in stack.cli("dkim", "list")


def test_keys_can_be_made_anew(stack: Stack) -> None:
    """Who lost the key that opens them forgets them; the new ones sign at once."""
    domain = stack.domain()
    user = stack.user(domain=domain)
    told = stack.cli("dkim", "reset", domain, "--yes")
    assert told.count(" IN TXT ") == 2
    stack.publish(domain)
    assert [s.verified for s in _sent(stack, user).signatures] == [True, True]


def test_records_for_a_zone_file(stack: Stack) -> None:
    """One line for each key, ready to be published; never a private half."""
    domain = stack.domain()
    zone = stack.cli("dkim", "show", domain, "--zone")
    assert zone.count(" IN TXT ") == 2
    assert '"v=DKIM1; k=ed25519; p=' in zone
    for options in ((), ("--json",)):
        assert "PRIVATE" not in stack.cli("dkim", "show", domain, *options)


@pytest.mark.parametrize("command", ["show", "rotate"])
def test_a_domain_of_somebody_else(stack: Stack, command: str) -> None:
    """It is refused in one line."""
    with pytest.raises(ServiceFailed, match="is no domain of this stack; add it"):
        stack.cli("dkim", command, "elsewhere.example")
