"""A message's authors, its proofs and its seals, put together; the DNS is played."""

import re
from dataclasses import dataclass, field, replace

import dns.resolver
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.demo import letter
from mailstack.demo.keys import SigningKey
from mailstack.identity import arc, results
from mailstack.identity.body import BodyHashes
from mailstack.identity.dmarc import Disposition, Override, Policy, Result, Signature
from mailstack.identity.judge import Heard, Rules, author_domains, judge
from mailstack.identity.record import Record
from mailstack.outcome import Found, NotFound, Outcome

US = "mail.home.example"
RULES = Rules(US)
HEARD = Heard("192.0.2.1", "mx.a.example", "bob@a.example", " Bob <bob@a.example>")
REJECT = Policy("reject", "reject")


@dataclass
class Played:
    """Policies by domain; SPF has one answer."""

    policies: dict[str, Policy] = field(default_factory=dict)
    found: str = "fail"
    keys: dict[str, str] = field(default_factory=dict)

    def organizational(self, domain: str) -> str:
        return ".".join(domain.split(".")[-2:])

    def spf(self, address: str, helo: str, sender: str) -> tuple[str, str]:
        assert address
        return self.found, sender.rpartition("@")[2] or helo

    def policy(self, author: str) -> Outcome[Policy]:
        found = self.policies.get(author)
        return Found(found) if found else NotFound()

    def txt(self, name: str) -> bytes | None:
        if name not in self.keys:
            raise dns.resolver.NoNameservers
        return f"v=DKIM1; k=rsa; p={self.keys[name]}".encode()


def test_the_strictest_author_counts() -> None:
    """Two authors in one field: the second one's refusal is not hidden behind the first."""
    lookups = Played({"b.example": REJECT})
    both = replace(HEARD, from_field=" bob@a.example, boss@b.example")
    found = judge(both, RULES, lookups, 0)
    assert (found.author, found.assessment.disposition) == ("b.example", Disposition.REJECT)


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        (" Bob <bob@a.example>", ["a.example"]),
        (' "boss@b.example" <bob@a.example>', ["a.example"]),
        (" boss@b.example <bob@a.example>", ["b.example", "a.example"]),
        (" bob@A.Example", ["a.example"]),
        (" bob", []),
        ("", []),
    ],
)
def test_authors(text: str, domains: list[str]) -> None:
    """A field that is hard to read has every author that a reader may see in it."""
    assert author_domains(text) == domains


def signed(by: str, *, key: bool = True) -> tuple[bytes, Played]:
    """A message with a signature of ``by``, and the DNS that has its key, or cannot tell."""
    octets = b"From: Bob <bob@a.example>\r\nSubject: hello\r\n\r\nhi\r\n"
    pair = SigningKey.generate()
    octets = letter.sign(octets, pair, by, selector="s")
    dns_ = Played({"a.example": REJECT}, keys={f"s._domainkey.{by}.": pair.public} if key else {})
    return octets, dns_


def heard(octets: bytes) -> Heard:
    """As the filter hears a message: its header, and the hashes of its body."""
    header, _, body = octets.partition(b"\r\n\r\n")
    signatures = [
        field.partition(b":")[2]
        for field in re.split(rb"\r\n(?![ \t])", header)
        if field.lower().startswith((b"dkim-signature:", b"arc-message-signature:"))
    ]
    hashes = BodyHashes(signatures)
    hashes.feed(body)
    return replace(HEARD, header=header + b"\r\n\r\n", digests=hashes.finish())


def test_a_signature_of_the_author_passes() -> None:
    """Verified here, whatever a field of the message claims."""
    octets, lookups = signed("a.example")
    found = judge(heard(octets), RULES, lookups, 0)
    assert found.assessment.result is Result.PASS
    assert found.field.split(";\n\t") == [
        US,
        "dkim=pass header.d=a.example header.s=s",
        "spf=fail smtp.mailfrom=bob@a.example",
        "dmarc=pass (p=reject dis=none) header.from=a.example",
    ]


def test_a_changed_message_fails() -> None:
    """The signature does not fit, so the domain's policy applies."""
    octets, lookups = signed("a.example")
    found = judge(heard(octets + b"more\r\n"), RULES, lookups, 0)
    assert found.assessment.disposition is Disposition.REJECT
    assert "dkim=fail header.d=a.example" in found.field


def test_a_key_that_cannot_be_had_makes_a_refusal_wait() -> None:
    """Nobody answers for the key: the sender comes again."""
    octets, lookups = signed("a.example", key=False)
    found = judge(heard(octets), RULES, lookups, 0)
    assert found.assessment.disposition is Disposition.DEFER
    assert "dkim=temperror header.d=a.example" in found.field


def test_a_signature_of_somebody_else_is_no_proof() -> None:
    """It passes, and is not the author's."""
    octets, lookups = signed("b.example")
    found = judge(heard(octets), RULES, lookups, 0)
    assert found.assessment.disposition is Disposition.REJECT
    assert "dkim=pass header.d=b.example" in found.field


def test_a_header_that_was_not_kept_proves_nothing() -> None:
    """Its signatures are not seen: nobody gets by with megabytes of fields."""
    octets, lookups = signed("a.example")
    found = judge(replace(heard(octets), header=b""), RULES, lookups, 0)
    assert found.assessment.disposition is Disposition.REJECT


def test_what_was_signed_with_sha1_is_not_proven() -> None:
    """RFC 8301 3.1: whoever it is from."""
    octets, lookups = signed("a.example")
    found = judge(heard(octets.replace(b"a=rsa-sha256", b"a=rsa-sha1")), RULES, lookups, 0)
    assert "dkim=fail header.d=a.example" in found.field
    assert found.assessment.disposition is Disposition.REJECT


@pytest.mark.parametrize(
    ("policy", "rules", "disposition", "override"),
    [
        ("quarantine", RULES, "quarantine", ""),
        ("quarantine", replace(RULES, quarantine=False), "none", "local_policy"),
        ("quarantine", replace(RULES, enforce=False), "none", "local_policy"),
        ("reject", replace(RULES, quarantine=False), "reject", ""),
        ("reject", replace(RULES, enforce=False), "none", "local_policy"),
        ("none", replace(RULES, enforce=False), "none", ""),
    ],
)
def test_the_owner_has_the_last_word(
    policy: str, rules: Rules, disposition: str, override: str
) -> None:
    """What is asked for is done as far as the settings say; field and record tell what was done."""
    lookups = Played({"a.example": Policy(policy, policy)})
    found = judge(HEARD, rules, lookups, 0)
    record = found.record
    assert (found.assessment.disposition, record.disposition) == (disposition, disposition)
    assert record.override == override
    assert f"dmarc=fail (p={policy} dis={disposition})" in found.field


def test_what_is_kept_for_reports() -> None:
    """All that a row of an aggregate report has."""
    octets, lookups = signed("b.example")
    record = judge(heard(octets), RULES, lookups, 0).record
    assert record == Record(
        address="192.0.2.1",
        author="a.example",
        envelope="a.example",
        policy=REJECT,
        result=Result.FAIL,
        disposition=Disposition.REJECT,
        override=Override.NONE,
        dkim=[Signature("pass", "b.example", "s")],
        dkim_aligned=False,
        spf="fail",
        spf_domain="a.example",
        spf_scope="mfrom",
        spf_aligned=False,
    )


def test_a_bounce_is_known_by_its_greeting() -> None:
    """Without a sender SPF is about the client's name (RFC 7208 2.4)."""
    lookups = Played({"a.example": REJECT}, found="pass")
    found = judge(replace(HEARD, sender=""), RULES, lookups, 0)
    assert found.assessment.result is Result.PASS
    assert "spf=pass smtp.helo=mx.a.example" in found.field


def test_names_in_any_script() -> None:
    """RFC 8616: written as they are read, asked for and compared as DNS has them."""
    name = "xn--bcher-kva.example"
    key = SigningKey.generate()
    octets = "From: Büro <büro@BÜCHER.example>\r\nSubject: x\r\n\r\nhi\r\n".encode()
    octets = letter.sign(octets, key, "bücher.example", selector="s")
    lookups = Played({name: REJECT}, keys={f"s._domainkey.{name}.": key.public})
    said = replace(heard(octets), sender="büro@bücher.example", from_field=" <büro@BÜCHER.example>")
    found = judge(said, RULES, lookups, 0)
    assert found.assessment.result is Result.PASS
    assert f"dkim=pass header.d={name} header.s=s" in found.field
    assert (found.author, found.record.spf_domain) == (name, name)
    nowhere = replace(HEARD, sender="x@a\u0300..example", helo="\ud800")
    assert judge(nowhere, RULES, lookups, 0).record.author == "a.example"


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=120))
def test_nothing_can_be_smuggled_into_the_field(sender: str, helo: str, author: str) -> None:
    """Whatever is said: one value, whose parts are ours."""
    said = Heard("192.0.2.1", helo, sender, author)
    found = judge(said, RULES, Played(), 0).field
    parts = found.split(";\n\t")
    assert parts[0] == US
    assert [part.partition("=")[0] for part in parts[1:]] == ["dkim", "spf", "dmarc"]
    assert "\n" not in "".join(parts)
    assert "\r" not in found


@given(st.text(max_size=200))
def test_any_results_can_be_read(text: str) -> None:
    """Fields of others are text like any other."""
    for value in (text, f"{US}; {text}", f"{US}; dkim={text}"):
        results.passed(value, "dmarc")
        assert results.names_us(value, US) or US not in value


@pytest.mark.parametrize(
    "value",
    [
        US,
        US.upper(),
        f" {US} 1; dmarc=pass",
        f'"{US}"; dmarc=pass',
        f"(a comment) {US}; dmarc=pass",
        f"{US}(c); dmarc=pass",
        f"\t{US[:5]}(c){US[5:]}; dmarc=pass",
        f'"{US[:5]}\\{US[5:]}"; dmarc=pass',
        f"{US}; foo.bar=x",
        f"{US}; {'dkim=none; ' * 300}",
    ],
)
def test_every_spelling_of_our_name(value: str) -> None:
    """What some reader takes for ours is ours."""
    assert results.names_us(value, US)
    assert not results.names_us("mx.elsewhere.example; dkim=pass", US)


@given(st.binary(max_size=300))
def test_any_message_has_a_chain_or_none(octets: bytes) -> None:
    """Seals are read as whoever wrote them pleased."""
    start = b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x.example; s=s; b=" + octets
    header = start + b"\r\nFrom: a@b.example\r\n\r\n"
    assert arc.verify(header, {}, lambda _: None).result in {"none", "fail"}


def test_whose_word_counts() -> None:
    """A chain that verifies, of trusted forwarders alone, the first of whom saw a pass."""
    trusted = arc.Chain("pass", ("list.example",), passed_dmarc=True)
    assert trusted.speaks_for({"list.example"})
    assert not trusted.speaks_for({"other.example"})
    assert not replace(trusted, passed_dmarc=False).speaks_for({"list.example"})
    assert not replace(trusted, sealers=("list.example", "x.example")).speaks_for({"list.example"})
