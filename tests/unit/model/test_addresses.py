"""Addresses and domains: one form for everything that is compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.model.addresses import (
    MAX_ADDRESS_OCTETS,
    MAX_LOCAL_OCTETS,
    parse_address,
    parse_alias_address,
    split_address,
    without_tag,
)
from mailstack.model.domains import parse_domain

LABEL = "a" * 63
LONG_DOMAIN = ".".join([LABEL, LABEL, LABEL, "a" * 61])


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("Ann@Example.ORG", "ann@example.org"),
        (" ann@example.org. ", "ann@example.org"),
        ("ann+tag@example.org", "ann+tag@example.org"),
        ("!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"),
        ('"ann"@example.org', "ann@example.org"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER。example", "ann@xn--bcher-kva.example"),
        ("ÜBER@example.org", "über@example.org"),
        ("u\u0308ber@example.org", "über@example.org"),
        ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
        ("bounce+bob=example.net@example.org", "bounce+bob=example.net@example.org"),
        (f"{'a' * MAX_LOCAL_OCTETS}@example.org", f"{'a' * MAX_LOCAL_OCTETS}@example.org"),
    ],
)
def test_canonical_form(written: str, canonical: str) -> None:
    """However an address is written, it becomes the one form."""
    assert parse_address(written) == canonical


NO_ADDRESSES = [
    *("", "ann", "@", "@example.org", "ann@", "ann@localhost", "a@b@example.org"),
    *(
        ".ann@example.org",
        "ann.@example.org",
        "a..b@example.org",
        "a b@example.org",
        "-a@example.org",
    ),
    *("ann@-a.example", "ann@a_b.example", "ann@a..b", "ann@[192.0.2.1]", "ann@192.0.2.1"),
    *('"a b"@example.org', 'a"b@example.org', "a\\b@example.org", "a,b@example.org"),
    *("a\r\nb@example.org", "a\0b@example.org", "a\x7fb@example.org", "a\u00a0b@example.org"),
    *("a\u2028b@example.org", "<ann@example.org>", "ann@exa mple.org", "a:b@example.org"),
    *(f"{'a' * 65}@example.org", f"{'ü' * 33}@example.org", f"a@{LABEL}a.example"),
    *(f"{'a' * 64}@{LONG_DOMAIN}", "ann@xn--a.example", f"ann@{'ü' * 5000}"),
    *("ann@\ud800.example", "\ud800@a.example"),
]


@pytest.mark.parametrize("written", NO_ADDRESSES)
def test_refused(written: str) -> None:
    """What is no address is refused in one line."""
    with pytest.raises(ValueError, match=r"address|domain") as refused:
        parse_address(written)
    assert "\n" not in str(refused.value)


def test_length_of_all() -> None:
    """The whole has at most 254 octets (RFC 5321 4.5.3.1.3, less the angle brackets)."""
    local = "a" * (MAX_ADDRESS_OCTETS - len(LONG_DOMAIN) - 1)
    domain = LONG_DOMAIN[: MAX_ADDRESS_OCTETS - 2]
    assert len(parse_address(f"{local or 'a'}@{domain}")) <= MAX_ADDRESS_OCTETS
    with pytest.raises(ValueError, match="254 octets"):
        parse_address(f"aaaaaaaaaaaa@{LONG_DOMAIN}")


def test_catch_all() -> None:
    """Only where an alias is meant, ``@domain`` stands for all of it."""
    assert parse_alias_address(" @Bücher.example") == "@xn--bcher-kva.example"
    assert parse_alias_address("Ann@example.org") == "ann@example.org"
    with pytest.raises(ValueError, match="not a domain"):
        parse_alias_address("@")


@pytest.mark.parametrize(
    ("local", "delimiter", "base"),
    [
        ("ann+a+b", "+", "ann"),
        ("ann", "+", "ann"),
        ("+ann", "+", "+ann"),
        ("+a+b", "+", "+a"),
        ("ann+", "+", "ann"),
        ("ann-x+y", "-", "ann"),
        ("", "+", ""),
    ],
)
def test_tags(local: str, delimiter: str, base: str) -> None:
    """The first delimiter begins the tag, but an address has no empty user."""
    assert without_tag(local, delimiter) == base


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """No text makes the parser fail otherwise, or go beyond the limits."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    local, domain = split_address(address)
    assert 1 <= len(local.encode()) <= MAX_LOCAL_OCTETS
    assert len(address.encode()) <= MAX_ADDRESS_OCTETS
    assert domain.isascii()
    assert not set(address) & set(' ,"\\\0\r\n<>')


@given(
    st.text(min_size=1, max_size=20).map(lambda text: text.replace("@", "")),
    st.sampled_from(["example.org", "BÜCHER.example", "xn--bcher-kva.example"]),
)
def test_canonical_form_is_stable(local: str, domain: str) -> None:
    """Reading the canonical form gives the same, and case does not matter within ASCII."""
    try:
        address = parse_address(f"{local}@{domain}")
    except ValueError:
        return
    assert parse_address(address) == address
    assert parse_domain(split_address(address)[1]) == split_address(address)[1]
    if local.isascii():
        assert parse_address(f"{local.upper()}@{domain}") == address
