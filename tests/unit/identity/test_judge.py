"""A message's authors, its proofs and its seals, put together; the DNS is played."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.identity import arc, results
from mailstack.identity.dmarc import Disposition, Policy, Result
from mailstack.identity.judge import Heard, author_domains, judge
from mailstack.outcome import Found, NotFound, Outcome

US = "mail.home.example"
HEARD = Heard("192.0.2.1", "mx.a.example", "bob@a.example", " Bob <bob@a.example>", "")
REJECT = Policy("reject", "reject")


@dataclass
class Played:
    """Policies by domain; SPF has one answer."""

    policies: dict[str, Policy] = field(default_factory=dict)
    found: str = "fail"

    def organizational(self, domain: str) -> str:
        return ".".join(domain.split(".")[-2:])

    def spf(self, address: str, helo: str, sender: str) -> tuple[str, str]:
        assert address
        return self.found, sender.rpartition("@")[2] or helo

    def policy(self, author: str) -> Outcome[Policy]:
        found = self.policies.get(author)
        return Found(found) if found else NotFound()

    def txt(self, name: str) -> bytes | None:
        raise AssertionError(f"nobody needs {name}")


def test_the_strictest_author_counts() -> None:
    """Two authors in one field: the second one's refusal is not hidden behind the first."""
    lookups = Played({"b.example": REJECT})
    heard = replace(HEARD, from_field=" bob@a.example, boss@b.example")
    found = judge(heard, US, lookups, (), 0)
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


def test_signatures_are_those_of_opendkim() -> None:
    """What OpenDKIM verified counts, and stays in front of what is written."""
    verified = f" {US};\n\tdkim=pass (2048-bit key) header.d=a.example header.b=x1234567"
    found = judge(replace(HEARD, verified=verified), US, Played({"a.example": REJECT}), (), 0)
    assert found.assessment.result is Result.PASS
    assert found.field.startswith(f"{US}; dkim=pass")
    assert "spf=fail smtp.mailfrom=bob@a.example" in found.field
    assert found.field.endswith("dmarc=pass (p=reject dis=none) header.from=a.example")


def test_a_bounce_is_known_by_its_greeting() -> None:
    """Without a sender SPF is about the client's name (RFC 7208 2.4)."""
    lookups = Played({"a.example": REJECT}, found="pass")
    found = judge(replace(HEARD, sender=""), US, lookups, (), 0)
    assert found.assessment.result is Result.PASS
    assert "spf=pass smtp.helo=mx.a.example" in found.field


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=120))
def test_nothing_can_be_smuggled_into_the_field(sender: str, helo: str, author: str) -> None:
    """Whatever is said: one value, whose parts are ours."""
    heard = Heard("192.0.2.1", helo, sender, author, "")
    found = judge(heard, US, Played(), (), 0).field
    parts = found.split(";\n\t")
    assert parts[0] == US
    assert [part.partition("=")[0] for part in parts[1:]] == ["spf", "dmarc"]
    assert "\n" not in "".join(parts)
    assert "\r" not in found


@given(st.text(max_size=200))
def test_any_results_can_be_read(text: str) -> None:
    """Fields of others are text like any other."""
    for value in (text, f"{US}; {text}", f"{US}; dkim={text}"):
        results.is_of(value, US)
        results.signatures(value)
        results.passed(value, "dmarc")


@given(st.binary(max_size=300))
def test_any_message_has_a_chain_or_none(octets: bytes) -> None:
    """Seals are read as whoever wrote them pleased."""
    start = b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x.example; s=s; b=" + octets
    message = start + b"\r\nFrom: a@b.example\r\n\r\nhello\r\n"
    assert arc.verify(message, lambda _: None).result in {"none", "fail"}


def test_whose_word_counts() -> None:
    """A chain that verifies, of trusted forwarders alone, the first of whom saw a pass."""
    trusted = arc.Chain("pass", ("list.example",), passed_dmarc=True)
    assert trusted.speaks_for({"list.example"})
    assert not trusted.speaks_for({"other.example"})
    assert not replace(trusted, passed_dmarc=False).speaks_for({"list.example"})
    assert not replace(trusted, sealers=("list.example", "x.example")).speaks_for({"list.example"})
