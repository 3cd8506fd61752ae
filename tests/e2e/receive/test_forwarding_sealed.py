"""What an alias sends outside is sealed (ARC): the next receiver sees what was found here."""

import re

import dkim  # type: ignore[import-untyped] # dkimpy has no types
from tests.arc import verdict
from tests.e2e.stack import Stack

from mailstack.demo import letter
from mailstack.demo.received import Received
from mailstack.demo.records import FRIEND, OTHER, SELECTOR
from mailstack.demo.throwaway import DOMAIN
from mailstack.identity.resolver import Resolver


def forwarded(stack: Stack, sender: str, octets: bytes) -> Received:
    """Send to an alias that leads outside; return what arrives there."""
    name = f"{stack.fresh('away')}@{DOMAIN}"
    target = f"{stack.fresh('far')}@{OTHER}"
    stack.alias(name, target)
    assert stack.send(name, sender=sender, octets=octets).code == 250
    (received,) = stack.internet.received(recipient=target, timeout_s=60)
    return received


def writing(stack: Stack) -> tuple[str, bytes]:
    """A stranger, and a message of theirs that is signed."""
    sender = f"{stack.fresh('writer')}@{FRIEND}"
    octets = letter.write(sender, f"somebody@{DOMAIN}", stack.fresh("sealed "))
    return sender, letter.sign(octets, stack.internet.key, FRIEND)


def on_the_way(stack: Stack, octets: bytes) -> bytes:
    """A forwarder's seal in front, as it leaves its server."""
    found = f"Authentication-Results: mx.{FRIEND}; dmarc=pass header.from={FRIEND}\r\n".encode()
    key = stack.internet.key.private_pem
    fields = dkim.arc_sign(
        found + octets, SELECTOR.encode(), FRIEND.encode(), key, f"mx.{FRIEND}".encode()
    )
    return b"".join(fields) + found + octets


def chain_of(stack: Stack, received: Received) -> tuple[str, list[tuple[str, str, str]]]:
    """The verdict of another library, and instance, verdict and domain of each seal."""
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", received.octets).decode("latin-1")
    seals = re.findall(r"(?m)^ARC-Seal: i=(\d+); cv=(\w+);.*? d=([^;]+);", unfolded)
    used = re.findall(r"(?m)^ARC-(?:Seal|Message-Signature):.*? d=([^;]+);.*? s=([^;]+);", unfolded)
    address, _, port = stack.internet.resolver.partition("@")
    names = {f"{selector}._domainkey.{domain}" for domain, selector in used}
    found = {name: Resolver(address, int(port)).txt(name) for name in names}
    keys = {name: record.decode() for name, record in found.items() if record}
    records = {f"{name}.".encode(): record.encode() for name, record in keys.items()}
    result, detail = verdict(received.octets, keys)
    second, _, reason = dkim.arc_verify(received.octets, dnsfunc=lambda n, **_: records[n])
    assert (second == b"pass") == (result == "pass"), f"{detail}, {reason}"
    return result, seals


def test_the_first_seal_is_ours(stack: Stack) -> None:
    """i=1 with what was found, by the primary domain; the author's own signature still holds."""
    received = forwarded(stack, *writing(stack))
    assert chain_of(stack, received) == ("pass", [("1", "none", DOMAIN)])
    results = " ".join(str(received.message["ARC-Authentication-Results"]).split())
    assert results.startswith(f"i=1; mail.{DOMAIN}; dkim=pass header.d={FRIEND}")
    assert "dmarc=pass" in results
    assert [one.verified for one in received.signatures if one.domain == FRIEND] == [True]


def test_a_chain_goes_on(stack: Stack) -> None:
    """A forwarder sealed before: i=2, and the chain verifies from its beginning."""
    sender, octets = writing(stack)
    received = forwarded(stack, sender, on_the_way(stack, octets))
    expected = [("2", "pass", DOMAIN), ("1", "none", FRIEND)]
    assert chain_of(stack, received) == ("pass", expected)
    assert "arc=pass" in str(received.message["ARC-Authentication-Results"])


def test_a_broken_chain_ends_here(stack: Stack) -> None:
    """Changed behind its seal: ours says so, and nobody can mend it."""
    sender, octets = writing(stack)
    broken = on_the_way(stack, octets).replace(b"Subject: ", b"Subject: [list] ")
    broken = letter.sign(broken, stack.internet.key, FRIEND)
    received = forwarded(stack, sender, broken)
    result, seals = chain_of(stack, received)
    assert (result, seals[0]) == ("fail", ("2", "fail", DOMAIN))
