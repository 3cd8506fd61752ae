"""MTA-STS records and policies: what is one, and what a domain cannot smuggle into Postfix."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.protocols.mta_sts import (
    MAX_AGE_S,
    MAX_OCTETS,
    BadPolicy,
    Policy,
    policy_id,
    postfix_policy,
    read_policy,
    whole_postfix_policy,
)

GOOD = (
    b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmx: *.example.net\r\n"
    b"max_age: 604800\r\n"
)
LABEL = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
NAME = st.lists(LABEL, min_size=2, max_size=4).map(".".join)


def test_a_policy() -> None:
    """The example of RFC 8461 3.2, in effect."""
    expected = Policy("enforce", 604_800, ("mail.example.org", "*.example.net"))
    assert read_policy(GOOD) == expected
    assert read_policy(GOOD.replace(b"\r\n", b"\n")) == expected
    assert read_policy(GOOD + b"extension: of tomorrow\n\n") == expected
    assert postfix_policy("example.org", expected) == (
        "secure match=mail.example.org:.example.net servername=hostname"
    )


def test_a_whole_policy() -> None:
    """What Postfix from 3.10 on understands: the lines are in its reports, a star is one label."""
    assert whole_postfix_policy("example.org", read_policy(GOOD)) == (
        "secure match=mail.example.org:.example.net servername=hostname"
        " policy_type=sts policy_domain=example.org"
        " mx_host_pattern=mail.example.org mx_host_pattern=*.example.net"
        " { policy_string = version: STSv1 } { policy_string = mode: enforce }"
        " { policy_string = mx: mail.example.org } { policy_string = mx: *.example.net }"
        " { policy_string = max_age: 604800 }"
    )


def test_a_field_that_stands_twice() -> None:
    """The first counts (RFC 8461 3.2)."""
    assert read_policy(GOOD + b"mode: none\nmax_age: 1\n") == read_policy(GOOD)


def test_a_policy_of_none() -> None:
    """Needs no server."""
    assert read_policy(b"version: STSv1\nmode: none\nmax_age: 60\n") == Policy("none", 60, ())


def test_the_longest_age_is_a_year() -> None:
    """More is cut to it."""
    assert read_policy(GOOD.replace(b"604800", b"9999999999")).max_age_s == MAX_AGE_S


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"mode: enforce\nmx: a.example\nmax_age: 1\n",
        GOOD.replace(b"STSv1", b"STSv2"),
        GOOD.replace(b"enforce", b"force"),
        GOOD.replace(b"604800", b"-1"),
        GOOD.replace(b"604800", b"many"),
        GOOD.replace(b"mail.example.org", b"a.example match=evil"),
        GOOD.replace(b"mail.example.org", b"a.example:evil.example"),
        GOOD.replace(b"*.example.net", b"*.*.example.net"),
        GOOD.replace(b"*.example.net", b"*"),
        GOOD + b"no field\n",
        GOOD + b"\xff: x\n",
        GOOD + b"x: " + b"a" * MAX_OCTETS,
        GOOD + b"mx: a.example\n" * 100,
        b"version: STSv1\nmode: enforce\nmax_age: 1\n",
    ],
)
def test_what_is_no_policy(bad: bytes) -> None:
    """Refused as a whole."""
    with pytest.raises(BadPolicy):
        read_policy(bad)


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda more: GOOD + more))
def test_whatever_comes(body: bytes) -> None:
    """Any octets are a policy or refused, and a policy says nothing to Postfix but names."""
    try:
        policy = read_policy(body)
    except BadPolicy:
        return
    assert re.fullmatch(
        r"secure match=[a-z0-9.:-]* servername=hostname", postfix_policy("a.example", policy)
    )


@given(
    st.lists(NAME, min_size=1, max_size=5), st.integers(0, MAX_AGE_S), st.sampled_from(["", "*."])
)
def test_what_is_written_is_read(names: list[str], age: int, star: str) -> None:
    """Every policy that keeps the grammar comes back."""
    servers = tuple(star + name for name in names)
    lines = ["version: STSv1", "mode: testing", *(f"mx: {name}" for name in servers)]
    body = "\n".join([*lines, f"max_age: {age}"]).encode()
    assert read_policy(body) == Policy("testing", age, servers)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["v=STSv1; id=20260101T000000;"], "20260101T000000"),
        (["v=STSv1;id=1"], "1"),
        (["v=spf1 -all", "v=STSv1; id=1;"], "1"),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], ""),
        (["v=STSv1;"], ""),
        (["v=STSv1; id=a-b;"], ""),
        (["v=STSv10; id=1;"], ""),
        (["id=1; v=STSv1;"], ""),
        ([], ""),
    ],
)
def test_the_record(texts: list[str], expected: str) -> None:
    """Exactly one record of the version, with an id of letters and digits."""
    assert policy_id(texts) == expected


@given(st.lists(st.text(max_size=60) | st.text(max_size=20).map(lambda t: f"v=STSv1; {t}")))
def test_whatever_dns_says(texts: list[str]) -> None:
    """Any text is a record or none."""
    assert re.fullmatch(r"[A-Za-z0-9]{0,32}", policy_id(texts))
