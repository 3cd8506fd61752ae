"""What an alias sends outside: its sender becomes one of ours, and a bounce finds the stranger."""

from tests.e2e.stack import Stack

from mailstack.demo import letter
from mailstack.demo.client import hand_over
from mailstack.demo.received import Received
from mailstack.demo.records import FRIEND, OTHER
from mailstack.demo.throwaway import DOMAIN
from mailstack.identity.lookups import Lookups


def forwarded(stack: Stack, sender: str, subject: str) -> Received:
    """Send to an alias that leads outside; return what arrives there."""
    name = f"{stack.fresh('away')}@{DOMAIN}"
    target = f"{stack.fresh('far')}@{OTHER}"
    stack.alias(name, target)
    octets = letter.sign(letter.write(sender, name, subject), stack.internet.key, FRIEND)
    assert stack.send(name, sender=sender, octets=octets).code == 250
    (received,) = stack.internet.received(recipient=target, timeout_s=60)
    return received


def test_the_sender_is_ours(stack: Stack) -> None:
    """The envelope passes SPF from our address; the header and its signature are untouched."""
    sender, subject = f"{stack.fresh('writer')}@{FRIEND}", stack.fresh("onwards ")
    received = forwarded(stack, sender, subject)
    local, _, domain = received.sender.rpartition("@")
    assert domain == DOMAIN
    assert local.startswith("SRS0=")
    assert local.endswith(f"={FRIEND}={sender.partition('@')[0]}")
    assert sender in str(received.message["From"])
    assert all(signature.verified for signature in received.signatures)
    assert received.signatures
    address, _, port = stack.internet.resolver.partition("@")
    lookups = Lookups(address, int(port))
    assert lookups.spf(received.client, received.helo, received.sender) == ("pass", DOMAIN)


def test_a_bounce_finds_its_way_back(stack: Stack) -> None:
    """The far server sends a bounce to whom the message came from: the stranger gets it."""
    sender, subject = f"{stack.fresh('writer')}@{FRIEND}", stack.fresh("away ")
    received = forwarded(stack, sender, subject)
    bounce = letter.write(
        f"mailer-daemon@{OTHER}", received.sender, f"undelivered: {subject}", "no"
    )
    bounce = letter.sign(bounce, stack.internet.key, OTHER)  # it asks to refuse what is unsigned
    with stack.session() as session:
        assert hand_over(session, "", [received.sender], bounce).code == 250
    (back,) = stack.internet.received(recipient=sender, timeout_s=60)
    assert back.sender.strip("<>") == ""
    assert subject in str(back.message["Subject"])


def test_a_forged_one_is_nobody(stack: Stack) -> None:
    """One character is wrong: refused at once, for good, as any unknown recipient."""
    received = forwarded(stack, f"{stack.fresh('writer')}@{FRIEND}", stack.fresh("onwards "))
    forged = received.sender.replace(f"={FRIEND}=", "=elsewhere.example=")
    reply = stack.send(forged)
    assert (reply.code, reply.text[:5]) == (550, "5.1.1")


def test_who_is_ours_stays(stack: Stack) -> None:
    """A user's own message through the same alias keeps its sender, and is signed."""
    user = stack.user()
    name, target = f"{stack.fresh('away')}@{DOMAIN}", f"{stack.fresh('far')}@{OTHER}"
    stack.alias(name, target)
    octets = letter.write(user.address, name, "from us", "hello")
    with stack.submission(user) as session:
        assert hand_over(session, user.address, [name], octets).code == 250
    (received,) = stack.internet.received(recipient=target, timeout_s=60)
    assert received.sender == user.address
    assert {one.domain for one in received.signatures if one.verified} == {DOMAIN}


def test_to_both_sides(stack: Stack) -> None:
    """An alias to a user and to the outside: the mailbox keeps the stranger's own address."""
    user, sender = stack.user(), f"{stack.fresh('writer')}@{FRIEND}"
    name, target = f"{stack.fresh('both')}@{DOMAIN}", f"{stack.fresh('far')}@{OTHER}"
    stack.alias(name, user.address, target)
    subject = stack.fresh("both ")
    assert stack.send(name, subject, sender=sender).code == 250
    assert stack.delivered(user, subject)["Return-Path"] == f"<{sender}>"
    (received,) = stack.internet.received(recipient=target, timeout_s=60)
    assert received.sender.startswith("SRS0=")
