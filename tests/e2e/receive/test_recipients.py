"""Who gets a message: users, aliases, catch-alls, and nobody else."""

import pytest
from tests.e2e.stack import SENDER, Stack

from mailstack.demo.throwaway import DOMAIN, OWNER
from mailstack.errors import ServiceFailed


def test_deliver_existing(stack: Stack) -> None:
    """A message to a user is accepted and in the mailbox, with its sender as Return-Path."""
    user = stack.user()
    assert stack.send(user.address, "existing").code == 250
    found = stack.delivered(user, "existing")
    assert found["Return-Path"] == f"<{SENDER}>"
    assert found["Delivered-To"] == user.address


def test_alias(stack: Stack) -> None:
    """A message to an alias reaches each target once."""
    first, second = stack.user(), stack.user()
    team = f"{stack.fresh('team')}@{DOMAIN}"
    stack.alias(team, first.address, second.address)
    assert stack.send(team, "to the team").code == 250
    for user in (first, second):
        stack.delivered(user, "to the team")


def test_alias_plus_tag(stack: Stack) -> None:
    """A tag after an alias's name reaches the alias's target."""
    user = stack.user()
    name = stack.fresh("alias")
    stack.alias(f"{name}@{DOMAIN}", user.address)
    assert stack.send(f"{name}+shop@{DOMAIN}", "tagged alias").code == 250
    stack.delivered(user, "tagged alias")


def test_user_plus_tag(stack: Stack) -> None:
    """A tag after a user's name reaches the user."""
    user = stack.user()
    assert stack.send(user.tagged("shop"), "tagged user").code == 250
    stack.delivered(user, "tagged user")


def test_alias_loop(stack: Stack) -> None:
    """An alias that would lead back to itself is refused when it is written."""
    one, two = (f"{stack.fresh('loop')}@{DOMAIN}" for _ in range(2))
    user = stack.user()
    stack.alias(one, user.address)
    stack.alias(two, one)
    with pytest.raises(ServiceFailed, match=r"loop"):
        stack.cli("alias", "set", one, two)
    assert stack.send(two, "no loop").code == 250
    stack.delivered(user, "no loop")


def test_alias_to_outside(stack: Stack) -> None:
    """An alias may lead to another domain; the message goes out again, with its sender."""
    name = f"{stack.fresh('away')}@{DOMAIN}"
    target = f"{stack.fresh('far')}@other.example"
    stack.alias(name, target)
    assert stack.send(name, "on its way").code == 250
    [received] = stack.internet.received(recipient=target, timeout_s=60)
    assert received.message["Subject"] == "on its way"
    assert all(signature.verified for signature in received.signatures)


def test_catchall(stack: Stack) -> None:
    """Any name of a domain with a catch-all reaches its target."""
    user, domain = stack.user(), stack.domain()
    stack.alias(f"@{domain}", user.address)
    assert stack.send(f"anything@{domain}", "caught").code == 250
    stack.delivered(user, "caught")


def test_catchall_vs_user(stack: Stack) -> None:
    """A user of the domain comes before its catch-all, and so does an alias."""
    domain = stack.domain()
    user, catcher, other = stack.user(domain=domain), stack.user(), stack.user()
    stack.alias(f"@{domain}", catcher.address)
    stack.alias(f"named@{domain}", other.address)
    for recipient, owner in ((user.address, user), (f"named@{domain}", other)):
        assert stack.send(recipient, f"for {owner.name}").code == 250
        stack.delivered(owner, f"for {owner.name}")
    with stack.mailbox(catcher) as mailbox:
        assert mailbox.messages() == []


def test_unknown_user_550(stack: Stack) -> None:
    """A name that does not exist is refused for good, in the session."""
    reply = stack.send(f"{stack.fresh('nobody')}@{DOMAIN}")
    assert (reply.code, reply.text[:5]) == (550, "5.1.1")


def test_domain_unknown(stack: Stack) -> None:
    """A domain that is not ours is refused: relaying is by login only."""
    reply = stack.send("someone@elsewhere.example")
    assert (reply.code, reply.text[:5]) == (554, "5.7.1")


def test_postmaster(stack: Stack) -> None:
    """postmaster@ and abuse@ of every domain reach the owner, without being created (RFC 2142)."""
    domain = stack.domain()
    for name in ("postmaster", "abuse"):
        subject = f"to {name} of {domain}"
        assert stack.send(f"{name}@{domain}", subject).code == 250
        assert stack.internet.received(recipient=OWNER, subject=subject, timeout_s=60)


def test_postmaster_without_domain(stack: Stack) -> None:
    """RCPT TO:<Postmaster> alone must be accepted, in any case (RFC 5321 4.5.1)."""
    subject = stack.fresh("bare postmaster ")
    assert stack.send("Postmaster", subject).code == 250
    assert stack.internet.received(recipient=OWNER, subject=subject, timeout_s=60)


def test_mixed_case(stack: Stack) -> None:
    """Capitals in an address make no other user."""
    user = stack.user()
    assert stack.send(user.address.upper(), "LOUD").code == 250
    stack.delivered(user, "LOUD")


def test_disabled_user(stack: Stack) -> None:
    """A disabled user gets no mail, and its sender is told."""
    user = stack.user()
    stack.cli("user", "set", user.address, "--disable")
    assert stack.send(user.address).code == 550
