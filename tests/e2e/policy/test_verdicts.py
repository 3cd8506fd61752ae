"""SPF and DKIM: what the receiver finds is to be read in the delivered message."""

from tests.e2e.stack import Stack

from mailstack.demo import letter
from mailstack.demo.client import Attempt, deliver, hand_over
from mailstack.demo.records import mail_domain, txt
from mailstack.demo.zone import FAIL


def _receive(stack: Stack, domain: str, octets: bytes, subject: str) -> str:
    """Have the friend's server send as somebody of ``domain``; return the delivered message."""
    user = stack.user()
    with stack.session() as session:
        reply = hand_over(session, f"bob@{domain}", [user.address], octets)
    assert reply.code == 250, reply
    return stack.delivered(user, subject).as_string()


def _domain(stack: Stack, spf: str) -> str:
    domain = f"{stack.fresh('policy')}.example"
    key = stack.internet.key.public
    plan = stack.internet.plan
    stack.internet.publish(mail_domain(domain, plan.other, key, spf=spf, dmarc=""))
    return domain


def _spf(stack: Stack, spf: str) -> str:
    """Return which of SpamAssassin's SPF tests hit."""
    domain = _domain(stack, spf)
    octets = letter.write(f"bob@{domain}", "someone@home.example", f"from {domain}")
    text = _receive(stack, domain, octets, f"from {domain}")
    status = " ".join(text.partition("X-Spam-Status:")[2].split("\n\n")[0].split())
    return status.partition("tests=")[2].replace(", ", ",").partition(" ")[0]


def test_spf_pass(stack: Stack) -> None:
    """A server that the sender's domain names passes."""
    assert "SPF_PASS" in _spf(stack, f"v=spf1 ip4:{stack.internet.plan.friend} -all")


def test_spf_fail(stack: Stack) -> None:
    """A server that the domain forbids fails, which counts; it alone refuses nothing."""
    assert "SPF_FAIL" in _spf(stack, "v=spf1 -all")


def test_spf_softfail(stack: Stack) -> None:
    """Probably not: a verdict of its own."""
    assert "SPF_SOFTFAIL" in _spf(stack, "v=spf1 ~all")


def test_spf_none(stack: Stack) -> None:
    """A domain without a policy has neither pass nor fail."""
    tests = _spf(stack, "")
    assert "SPF_NONE" in tests


def test_spf_temperror(stack: Stack) -> None:
    """A policy that cannot be looked up is no failure: the message is delivered, without it."""
    name = f"{stack.fresh('broken')}.example"
    stack.internet.publish({name: {FAIL: ("",)}})
    tests = _spf(stack, f"v=spf1 include:{name} -all")
    assert not {"SPF_PASS", "SPF_FAIL", "SPF_SOFTFAIL"} & set(tests.split(","))


def _dkim(stack: Stack, octets: bytes, domain: str, subject: str) -> str:
    """Return what our server's Authentication-Results says of DKIM."""
    text = _receive(stack, domain, octets, subject)
    results = [part for part in text.split("Authentication-Results:")[1:] if "dkim=" in part[:400]]
    return results[0].partition("dkim=")[2].split()[0].rstrip(";") if results else ""


def _signed(stack: Stack, domain: str, subject: str) -> bytes:
    octets = letter.write(f"bob@{domain}", "someone@home.example", subject)
    return letter.sign(octets, stack.internet.key, domain)


def test_dkim_pass(stack: Stack) -> None:
    """A good signature is called one."""
    domain = _domain(stack, "v=spf1 ~all")
    assert _dkim(stack, _signed(stack, domain, "signed"), domain, "signed") == "pass"


def test_dkim_bad(stack: Stack) -> None:
    """A signature that does not fit the message is called bad; that alone refuses nothing."""
    domain = _domain(stack, "v=spf1 ~all")
    octets = _signed(stack, domain, "altered").replace(b"boat house", b"bank vault")
    assert _dkim(stack, octets, domain, "altered") == "fail"


def test_dkim_missing(stack: Stack) -> None:
    """A message without a signature has no verdict that could be taken for a pass."""
    domain = _domain(stack, "v=spf1 ~all")
    octets = letter.write(f"bob@{domain}", "someone@home.example", "unsigned")
    assert _dkim(stack, octets, domain, "unsigned") in ("", "none")


def test_dkim_key_missing(stack: Stack) -> None:
    """A signature whose key is not published does not pass."""
    domain = _domain(stack, "v=spf1 ~all")
    stack.internet.publish({f"outside._domainkey.{domain}": {"TXT": (txt("v=DKIM1; p="),)}})
    verdict = _dkim(stack, _signed(stack, domain, "keyless"), domain, "keyless")
    assert verdict != "pass"


def test_greylist_first_and_after_delay(stack: Stack) -> None:
    """A stranger's first try is put off, for every recipient apart; the next one passes."""
    user, source = stack.user(), stack.internet.plan.stranger(7)
    octets = letter.write("x@stranger7.example", user.address, "after a while")

    def attempt() -> Attempt:
        with stack.session(source, "mail.stranger7.example") as session:
            return hand_over(session, "x@stranger7.example", [user.address], octets)

    first, *_, last = deliver(attempt, patience_s=20)
    assert first.code == 450
    assert last.code == 250


def test_greylist_whitelist(stack: Stack) -> None:
    """Who is on the list of known clients is not put off."""
    user = stack.user()
    assert stack.send(user.address, "known").code == 250
    stack.delivered(user, "known")
