"""Who wrote a message: DMARC enforced on port 25, and kept where a trusted forwarder vouches."""

import dkim  # type: ignore[import-untyped] # dkimpy has no types
import pytest
from tests.e2e.stack import Stack

from mailstack.demo import letter
from mailstack.demo.client import Attempt, hand_over
from mailstack.demo.records import SELECTOR, mail_domain
from mailstack.demo.zone import FAIL

FORWARDER = "microsoft.com"
"""One of those trusted by default; in the small internet its key is the test's."""


def domain(stack: Stack, dmarc: str, spf: str = "v=spf1 -all") -> str:
    """Publish a domain that asks for ``dmarc``; unless told, none may send for it."""
    name = f"{stack.fresh('author')}.example"
    key, plan = stack.internet.key.public, stack.internet.plan
    stack.internet.publish(mail_domain(name, plan.other, key, spf=spf, dmarc=dmarc))
    return name


def send(stack: Stack, to: str, octets: bytes, sender: str) -> Attempt:
    with stack.session() as session:
        return hand_over(session, sender, [to], octets)


def forged(name: str, to: str, subject: str) -> bytes:
    return letter.write(f"boss@{name}", to, subject)


def results(text: str) -> str:
    """The one Authentication-Results field, on one line."""
    first, *more = text.split("\nAuthentication-Results:")[1:]
    assert not [one for one in more if one.startswith(" mail.home.example;")]
    return " ".join(first.partition("\nX-")[0].partition("\nReceived")[0].split())


def test_a_forged_author_is_refused(stack: Stack) -> None:
    """p=reject, and neither SPF nor DKIM is the author's: refused with the reason."""
    user, name = stack.user(), domain(stack, "v=DMARC1; p=reject")
    octets = forged(name, user.address, stack.fresh("forged "))
    reply = send(stack, user.address, octets, f"boss@{name}")
    assert (reply.code, reply.text[:6]) == (550, "5.7.26")
    assert name in reply.text


def test_nor_with_an_envelope_of_ones_own(stack: Stack) -> None:
    """SPF of another domain proves nothing about the author."""
    user, name = stack.user(), domain(stack, "v=DMARC1; p=reject")
    own = domain(stack, "", f"v=spf1 ip4:{stack.internet.plan.friend} -all")
    reply = send(stack, user.address, forged(name, user.address, "forged"), f"x@{own}")
    assert (reply.code, reply.text[:6]) == (550, "5.7.26")


@pytest.mark.parametrize("proof", ["spf", "dkim"])
def test_one_proof_is_enough(stack: Stack, proof: str) -> None:
    """The author's own server, or the author's own signature."""
    user, subject = stack.user(), stack.fresh("proven ")
    sent_by = f"v=spf1 ip4:{stack.internet.plan.friend} -all" if proof == "spf" else "v=spf1 -all"
    name = domain(stack, "v=DMARC1; p=reject; adkim=s; aspf=s", sent_by)
    octets = forged(name, user.address, subject)
    if proof == "dkim":
        octets = letter.sign(octets, stack.internet.key, name)
    reply = send(stack, user.address, octets, f"boss@{name}")
    assert reply.code == 250, reply
    found = results(stack.delivered(user, subject, timeout_s=60).as_string())
    assert f"dmarc=pass (p=reject dis=none) header.from={name}" in found
    assert ("dkim=pass" in found) == (proof == "dkim")
    assert f"spf={'pass' if proof == 'spf' else 'fail'} smtp.mailfrom=boss@{name}" in found


def test_quarantine_is_the_spam_folder(stack: Stack) -> None:
    """Taken, and filed where the user sees why."""
    user, subject = stack.user(), stack.fresh("doubtful ")
    name = domain(stack, "v=DMARC1; p=quarantine")
    assert send(stack, user.address, forged(name, user.address, subject), f"b@{name}").code == 250
    found = stack.delivered(user, subject, "Spam", timeout_s=60)
    assert name in str(found["X-Quarantine-Reason"])
    assert "dmarc=fail (p=quarantine dis=quarantine)" in results(found.as_string())


def test_nothing_asked_for(stack: Stack) -> None:
    """p=none: delivered, with what was found."""
    user, subject = stack.user(), stack.fresh("unasked ")
    name = domain(stack, "v=DMARC1; p=none")
    assert send(stack, user.address, forged(name, user.address, subject), f"b@{name}").code == 250
    found = stack.delivered(user, subject, timeout_s=60)
    assert "dmarc=fail (p=none dis=none)" in results(found.as_string())


def test_a_silent_name_server_refuses_nothing_for_good(stack: Stack) -> None:
    """SPF that cannot be told makes a refusal wait; a policy that cannot be told, none."""
    broken = f"{stack.fresh('broken')}.example"
    stack.internet.publish({broken: {FAIL: ("",)}})
    user, subject = stack.user(), stack.fresh("untold ")
    name = domain(stack, "v=DMARC1; p=reject", f"v=spf1 include:{broken} -all")
    waiting = send(stack, user.address, forged(name, user.address, "x"), f"b@{name}")
    assert (waiting.code, waiting.text[:5]) == (451, "4.7.0")
    name = domain(stack, "")
    stack.internet.publish({f"_dmarc.{name}": {FAIL: ("",)}})
    assert send(stack, user.address, forged(name, user.address, subject), f"b@{name}").code == 250
    found = results(stack.delivered(user, subject, timeout_s=60).as_string())
    assert "dmarc=temperror" in found


def test_results_in_our_name_are_removed(stack: Stack) -> None:
    """Whoever writes them, however they spell us: one field of ours is left."""
    user, subject = stack.user(), stack.fresh("claimed ")
    name = domain(stack, "v=DMARC1; p=none")
    claims = (b"mail.home.example", b"MAIL.home.example", b" mail.home.example 1")
    forged_fields = b"".join(
        b"Authentication-Results: %b; dmarc=pass header.from=forged.example\r\n" % claim
        for claim in claims
    )
    octets = forged_fields + forged(name, user.address, subject)
    assert send(stack, user.address, octets, f"b@{name}").code == 250
    text = stack.delivered(user, subject, timeout_s=60).as_string()
    assert "forged.example" not in text
    assert "dmarc=fail" in results(text)


def sealed(stack: Stack, octets: bytes, name: str, results_: str) -> bytes:
    """Have a forwarder change a message and seal what it had found."""
    found = f"Authentication-Results: mx.{name}; {results_}\r\n".encode()
    changed = found + octets.replace(b"Subject: ", b"Subject: [list] ")
    fields = dkim.arc_sign(
        changed,
        SELECTOR.encode(),
        name.encode(),
        stack.internet.key.private_pem,
        f"mx.{name}".encode(),
    )
    return b"".join(fields) + changed


@pytest.mark.parametrize(
    ("forwarder", "found", "code"),
    [
        (FORWARDER, "dmarc=pass", 250),
        (FORWARDER, "dmarc=fail", 550),
        ("stranger.example", "dmarc=pass", 550),
    ],
)
def test_forwarded_mail(stack: Stack, forwarder: str, found: str, code: int) -> None:
    """Its signature broken on the way: kept if a trusted forwarder saw it pass, and nobody else."""
    user, subject = stack.user(), stack.fresh("by a list ")
    name = domain(stack, "v=DMARC1; p=reject")
    key, plan = stack.internet.key.public, stack.internet.plan
    stack.internet.publish(
        mail_domain(forwarder, plan.friend, key, spf=f"v=spf1 ip4:{plan.friend} -all", dmarc="")
    )
    octets = letter.sign(forged(name, user.address, subject), stack.internet.key, name)
    claims = f"{found} header.from={name}"
    octets = sealed(stack, octets, forwarder, claims)
    reply = send(stack, user.address, octets, f"list@{forwarder}")
    assert reply.code == code, reply
    if code == 250:
        text = results(stack.delivered(user, f"[list] {subject}", timeout_s=60).as_string())
        assert "dmarc=fail (p=reject dis=none)" in text
        assert "arc=pass" in text


def test_a_broken_seal(stack: Stack) -> None:
    """A message that was changed after it was sealed has no chain."""
    user = stack.user()
    name = domain(stack, "v=DMARC1; p=reject")
    key, plan = stack.internet.key.public, stack.internet.plan
    stack.internet.publish(mail_domain(FORWARDER, plan.friend, key, dmarc=""))
    octets = sealed(stack, forged(name, user.address, "x"), FORWARDER, "dmarc=pass")
    reply = send(stack, user.address, octets + b"more\r\n", f"list@{FORWARDER}")
    assert (reply.code, reply.text[:6]) == (550, "5.7.26")


def test_two_authors_are_refused(stack: Stack) -> None:
    """Two From fields: readers differ in which they show."""
    user, name = stack.user(), domain(stack, "")
    octets = b"From: bank@bank.example\r\n" + forged(name, user.address, "two")
    assert send(stack, user.address, octets, f"b@{name}").code == 550


def test_a_key_that_nobody_tells_makes_a_refusal_wait(stack: Stack) -> None:
    """The author's signature cannot be verified now: the sender comes again, however often."""
    user, name = stack.user(), domain(stack, "v=DMARC1; p=reject")
    stack.internet.publish({f"{SELECTOR}._domainkey.{name}": {FAIL: ("",)}})
    octets = letter.sign(forged(name, user.address, "untold key"), stack.internet.key, name)
    for _ in range(2):
        waiting = send(stack, user.address, octets, f"b@{name}")
        assert (waiting.code, waiting.text[:5]) == (451, "4.7.0")


def test_a_claim_is_never_believed(stack: Stack) -> None:
    """A pass in our name that came with the message, beside a signature nobody can verify."""
    user, name = stack.user(), domain(stack, "v=DMARC1; p=reject")
    own = domain(stack, "")
    stack.internet.publish({f"{SELECTOR}._domainkey.{own}": {FAIL: ("",)}})
    octets = letter.sign(forged(name, user.address, "claimed"), stack.internet.key, own)
    claim = f"Authentication-Results: mail.home.example; dkim=pass foo.bar=x header.d={name}\r\n"
    reply = send(stack, user.address, claim.encode() + octets, f"x@{own}")
    assert reply.code in {451, 550}


def test_users_claim_nothing_either(stack: Stack) -> None:
    """A field in our name that a user writes does not leave, nor reach a colleague."""
    user, other = stack.user(), stack.user()
    octets = b"Authentication-Results: mail.home.example; dmarc=pass\r\n"
    octets += letter.write(user.address, other.address, "by a user")
    with stack.submission(user) as session:
        assert hand_over(session, user.address, [other.address], octets).code == 250
    found = stack.delivered(other, "by a user", timeout_s=60)
    assert "dmarc=pass" not in found.as_string()
