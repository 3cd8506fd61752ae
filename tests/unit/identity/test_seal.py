"""Our own ARC seals: verified by another library, and by ours as the next receiver."""

import re
from collections.abc import Sequence
from functools import cache

import dkim  # type: ignore[import-untyped] # dkimpy has no types
import dns.resolver
import pytest
from tests.arc import verdict

from mailstack.demo.keys import SigningKey
from mailstack.identity import arc
from mailstack.identity.body import BodyHashes, Digests
from mailstack.identity.seal import NEEDED, Sealer, seal
from mailstack.identity.signatures import Txt

US = "mail.home.example"
NOW = 1_795_859_719
RESULTS = (
    b"Authentication-Results: mail.home.example;\r\n\tdkim=pass header.d=a.example;\r\n"
    b"\tdmarc=pass (p=reject dis=none) header.from=a.example\r\n"
)
OTHERS = (
    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\nReferences: <1@a.example>\r\n"
    b"In-Reply-To: <1@a.example>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
)
MESSAGE = OTHERS + (
    b"From: Bob <bob@a.example>\r\nTo: list@home.example\r\nSubject: =?utf-8?q?gr=C3=BC?=\r\n"
    b"\tfolded  line\r\nMIME-Version: 1.0\r\n\r\nhello  there \r\n\r\nbye\r\n\r\n\r\n"
)


@cache
def signing_key(domain: str) -> SigningKey:
    """One for each domain."""
    assert domain
    return SigningKey.generate()


def record(domain: str) -> str:
    return f"v=DKIM1; k=rsa; p={signing_key(domain).public}"


def txt(name: str) -> bytes:
    return record(name.partition("._domainkey.")[2].rstrip(".")).encode()


def silent(_: str) -> bytes | None:
    raise dns.resolver.NoNameservers


def heard(message: bytes) -> tuple[bytes, Digests]:
    """Header and hashes, as a milter hears them."""
    header, _, body = message.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", header)
    hashes = BodyHashes([NEEDED, *(field.partition(b":")[2] for field in fields)])
    hashes.feed(body)
    return header + b"\r\n\r\n", hashes.finish()


def sealed(message: bytes, by: str = "home.example", ask: Txt = txt) -> bytes:
    """The message with one more set."""
    header, digests = heard(message)
    sealer = Sealer(US, by, "s", signing_key(by).private_pem)
    found = seal(header, digests, arc.verify(header, digests, ask), sealer, NOW)
    for name, value in found:
        message = name + b":" + value + message
    return message


def judged(message: bytes, domains: Sequence[str] = ("home.example", "b.example")) -> str:
    """What both libraries say, if they agree."""
    keys = {f"s._domainkey.{domain}": record(domain) for domain in domains}
    ours = arc.verify(*heard(message), txt).result
    theirs, detail = verdict(message, keys)
    assert ours == theirs, detail
    return ours


def test_the_first_seal() -> None:
    """i=1, cv=none, with our results as they were written."""
    message = sealed(RESULTS + MESSAGE)
    assert judged(message) == "pass"
    assert message.startswith(b"ARC-Seal: i=1; cv=none; a=rsa-sha256; d=home.example; s=s;")
    results = b"ARC-Authentication-Results: i=1;" + RESULTS.partition(b":")[2]
    assert results in message
    chain = arc.verify(*heard(message), txt)
    assert chain == arc.Chain("pass", ("home.example",), passed_dmarc=True)


@pytest.mark.parametrize("length", [40, 60, 64, 65, 250])
def test_names_that_are_long(length: int) -> None:
    """A seal holds however its lines are folded, or there is none."""
    domain = f"{'x' * (length % 60)}.{'y' * 60}.{'z' * 60}.{'w' * 60}.example"[-length:].lstrip(".")
    message = sealed(RESULTS + MESSAGE, domain)
    if length > 64:
        assert message == RESULTS + MESSAGE
    else:
        assert judged(message, [domain]) == "pass"


def test_a_chain_grows() -> None:
    """Another forwarder's set is covered by ours, and ours by the next one's."""
    for count in range(2, 6):
        message = RESULTS + MESSAGE
        for number in range(count):
            message = sealed(message, ("b.example", "home.example")[number % 2])
        assert judged(message) == "pass"
        assert message.startswith(b"ARC-Seal: i=%d; cv=pass;" % count)


def test_behind_the_seal_of_another_library() -> None:
    """Sealed by dkimpy, as it does by itself, before it came to us."""
    theirs = b"Authentication-Results: mx.b.example; dmarc=pass header.from=a.example\r\n" + MESSAGE
    key = signing_key("b.example").private_pem
    fields = dkim.arc_sign(theirs, b"s", b"b.example", key, b"mx.b.example")
    message = sealed(RESULTS + b"".join(fields) + theirs)
    assert judged(message) == "pass"
    assert arc.verify(*heard(message), txt).sealers == ("b.example", "home.example")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"bye", b"buy"),
        (b"Bob", b"Rob"),
        (b"dmarc=pass", b"dmarc=none"),
        (b"ARC-Seal: i=1; cv=none", b"ARC-Seal: i=1; cv=pass"),
        (b"From:", b"From: x@evil.example\r\nFrom:"),
    ],
)
def test_what_was_changed_has_no_chain(old: bytes, new: bytes) -> None:
    """Nobody alters message, results or seal unseen."""
    assert judged(sealed(RESULTS + MESSAGE).replace(old, new)) == "fail"


@pytest.mark.parametrize("before", [b"", b"\t", b"\r\n\t", b"\r\n  "])
def test_white_space_of_any_kind(before: bytes) -> None:
    """However another server folds its fields, its chain holds."""
    message = sealed(RESULTS + MESSAGE)
    for name in (b"ARC-Seal:", b"ARC-Message-Signature:", b"ARC-Authentication-Results:"):
        message = message.replace(name + b" i=1;", name + before + b"i=1;")
    assert judged(message) == "pass"
    assert judged(sealed(message)) == "pass"


def test_a_broken_chain_is_sealed_as_such() -> None:
    """RFC 8617 5.1.2: cv=fail, over our own set alone; and nobody seals it again (5.1)."""
    broken = sealed(RESULTS + MESSAGE, "b.example").replace(b"bye", b"buy")
    message = sealed(broken)
    assert message.startswith(b"ARC-Seal: i=2; cv=fail;")
    assert judged(message) == "fail"
    assert sealed(message) == message


def test_a_set_that_is_not_whole() -> None:
    """A chain with a hole is broken."""
    message = sealed(sealed(RESULTS + MESSAGE, "b.example"))
    without = re.sub(rb"(?s)ARC-Message-Signature: i=1;.*?\r\n(?![ \t])", b"", message, count=1)
    assert judged(without) == "fail"
    assert sealed(without).startswith(b"ARC-Seal: i=3; cv=fail;")


def test_a_chain_that_cannot_be_told_is_left_alone() -> None:
    """Nobody tells the key now: no seal is better than a wrong one."""
    message = sealed(RESULTS + MESSAGE, "b.example")
    assert sealed(message, ask=silent) == message


def test_fifty_are_enough() -> None:
    """RFC 8617 4.2.1: the chain goes no further."""
    field = b"ARC-Seal: i=50; cv=pass; a=rsa-sha256; d=x.example; s=s; b=AAAA\r\n"
    assert sealed(field + MESSAGE) == field + MESSAGE


@pytest.mark.parametrize(
    "results",
    [
        b"",
        b"Authentication-Results: mx.b.example; dmarc=pass\r\n",
        b"Authentication-Results: mail.home.example.evil; dmarc=pass\r\n",
        b"Authentication-Results: mail.home.example\r\n",
    ],
)
def test_without_results_of_ours(results: bytes) -> None:
    """Nothing is claimed."""
    message = sealed(results + MESSAGE)
    assert b"ARC-Authentication-Results: i=1; mail.home.example; none\r\n" in message
    assert judged(message) == "pass"
    assert not arc.verify(*heard(message), txt).passed_dmarc


def test_only_the_topmost_results_count() -> None:
    """Whatever stands below was there before."""
    below = b"Authentication-Results: mail.home.example; dmarc=pass header.from=evil.example\r\n"
    message = sealed(RESULTS + below + MESSAGE)
    assert b"evil" not in message.partition(b"Authentication-Results: mail")[0]
