"""DMARC: every alignment with every policy, and the records that say so."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.identity.dmarc import Disposition, Evidence, Policy, Result, Signature, assess, parse
from mailstack.outcome import Found, NotFound, Unavailable

AUTHOR = "news.example.org"
SAME, RELATED, OTHER = AUTHOR, "bounce.example.org", "elsewhere.example"
SPF = {
    "same": ("pass", SAME),
    "related": ("pass", RELATED),
    "other": ("pass", OTHER),
    "failed": ("fail", SAME),
}
DKIM = {
    "same": (Signature("pass", SAME),),
    "related": (Signature("pass", RELATED),),
    "other": (Signature("pass", OTHER),),
    "failed": (Signature("fail", SAME),),
}
RUA = "mailto:a@example.org"
POLICIES = ("none", "quarantine", "reject")

TABLE = """
SPF      DKIM     relaxed  strict
same     same     pass     pass
same     related  pass     pass
same     other    pass     pass
same     failed   pass     pass
related  same     pass     pass
related  related  pass     fail
related  other    pass     fail
related  failed   pass     fail
other    same     pass     pass
other    related  pass     fail
other    other    fail     fail
other    failed   fail     fail
failed   same     pass     pass
failed   related  pass     fail
failed   other    fail     fail
failed   failed   fail     fail
"""
"""By hand from RFC 7489 3.1: what comes of each alignment, whatever is asked for."""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:]]


def organizational(domain: str) -> str:
    return ".".join(domain.split(".")[-2:])


@pytest.mark.parametrize(("row", "policy"), list(product(ROWS, POLICIES)), ids=str)
@pytest.mark.parametrize("strict", [False, True], ids=["relaxed", "strict"])
def test_alignment_and_policy(row: list[str], policy: str, *, strict: bool) -> None:
    """All 48 of them, relaxed and strict: a failure gets what the domain asks for."""
    spf, dkim, *expected = row
    evidence = Evidence(*SPF[spf], DKIM[dkim])
    asked = Policy(policy, policy, strict_dkim=strict, strict_spf=strict)
    found = assess(AUTHOR, Found(asked), evidence, organizational)
    assert found.result == expected[strict]
    wanted = policy if expected[strict] == "fail" else "none"
    assert (found.disposition, found.requested) == (wanted, policy)


def test_the_table_is_whole() -> None:
    """No case was left out."""
    assert [tuple(row[:2]) for row in ROWS] == list(product(SPF, DKIM))
    assert len(list(product(ROWS, POLICIES))) == 48


@pytest.mark.parametrize(
    ("evidence", "policy", "disposition"),
    [
        (Evidence("temperror", SAME), "reject", Disposition.DEFER),
        (Evidence("fail", SAME, (Signature("temperror", SAME),)), "reject", Disposition.DEFER),
        (Evidence("temperror", SAME), "quarantine", Disposition.NONE),
        (Evidence("temperror", SAME), "none", Disposition.NONE),
    ],
)
def test_what_cannot_be_told(evidence: Evidence, policy: str, disposition: Disposition) -> None:
    """An answer that may come yet refuses nothing for good."""
    found = assess(AUTHOR, Found(Policy(policy, policy)), evidence, organizational)
    assert (found.result, found.disposition) == (Result.TEMPERROR, disposition)


def test_one_proof_is_enough_when_the_other_cannot_be_told() -> None:
    """DKIM passes while SPF's servers are silent."""
    evidence = Evidence("temperror", SAME, (Signature("pass", SAME),))
    found = assess(AUTHOR, Found(Policy("reject", "reject")), evidence, organizational)
    assert found.result is Result.PASS


def test_without_a_policy() -> None:
    """None is published, or that cannot be told: the message is taken."""
    assert assess(AUTHOR, NotFound(), Evidence(), organizational).result is Result.NONE
    unknown = assess(AUTHOR, Unavailable("silence"), Evidence(), organizational)
    assert (unknown.result, unknown.disposition) == (Result.TEMPERROR, Disposition.NONE)


@pytest.mark.parametrize(
    ("draw", "policy", "disposition"),
    [
        (29, "reject", Disposition.REJECT),
        (30, "reject", Disposition.QUARANTINE),
        (29, "quarantine", Disposition.QUARANTINE),
        (30, "quarantine", Disposition.NONE),
        (30, "none", Disposition.NONE),
    ],
)
def test_some_percent(draw: int, policy: str, disposition: Disposition) -> None:
    """To the others the next milder policy applies."""
    asked = Policy(policy, policy, percent=30)
    found = assess(AUTHOR, Found(asked), Evidence(), organizational, draw)
    assert found.disposition is disposition
    assert (found.override == "sampled_out") == (policy != disposition)


def test_subdomains_have_their_own() -> None:
    """``sp`` counts where the record was found above the author's domain, and only there."""
    asked = Policy("reject", "none", inherited=True)
    assert assess(AUTHOR, Found(asked), Evidence(), organizational).disposition == "none"
    own = Policy("reject", "none")
    assert assess(AUTHOR, Found(own), Evidence(), organizational).disposition == "reject"


@pytest.mark.parametrize(
    ("record", "policy"),
    [
        ("v=DMARC1; p=reject", Policy("reject", "reject")),
        ("v=DMARC1;p=none;sp=quarantine", Policy("none", "quarantine")),
        (" v = DMARC1 ; p = REJECT ;", Policy("reject", "reject")),
        ("v=DMARC1; p=reject; adkim=s; aspf=r", Policy("reject", "reject", strict_dkim=True)),
        ("v=DMARC1; p=reject; pct=20", Policy("reject", "reject", percent=20)),
        ("v=DMARC1; p=reject; pct=many", Policy("reject", "reject")),
        ("v=DMARC1; p=reject; sp=whatever", Policy("reject", "reject")),
        ("v=DMARC1; p=reject; p=none", Policy("reject", "reject")),
        ("v=DMARC1; p=whatever; rua=mailto:a@example.org", Policy("none", "none", rua=RUA)),
        (f"v=DMARC1; p=none; rua={RUA}", Policy("none", "none", rua=RUA)),
        ("v=DMARC1; p=whatever", None),
        ("v=DMARC1", None),
        ("p=reject; v=DMARC1", None),
        ("v=DMARC2; p=reject", None),
        ("", None),
    ],
)
def test_records(record: str, policy: Policy | None) -> None:
    """As RFC 7489 6.3 and 6.6.3 read them."""
    assert parse(record) == policy


@given(st.text(max_size=200))
def test_any_text_is_a_record_or_none(text: str) -> None:
    """What others publish is text like any other."""
    for record in (text, f"v=DMARC1; {text}"):
        found = parse(record)
        assert found is None or found.p in POLICIES
