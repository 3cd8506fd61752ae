"""What Postfix tells of handshakes is read strictly, and cut to size."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.reports.tls.datagrams import FAILURE, SUCCESS, changed, of_policy, session

from mailstack.protocols.tlsrpt import MAX_LINES, MAX_TEXT, BadDatagram, Failure, read_datagram


def test_a_success() -> None:
    """Debian 13's library names no version; a domain without a policy is its own."""
    found = session(SUCCESS)
    assert (found.domain, found.record) == ("a.example", "v=TLSRPTv1; rua=mailto:tls@a.example")
    assert (found.policy.type, found.policy.domain) == ("no-policy-found", "a.example")
    assert (found.failed, found.failures) == (False, ())


def test_a_failure() -> None:
    """Numbers become the words of RFC 8460; of the greeting its first line counts."""
    found = session(FAILURE)
    assert found.failed
    assert found.policy.lines[1] == "mode: enforce"
    assert found.policy.servers == ("*.a.example",)
    assert found.failures == (
        Failure(
            "certificate-not-trusted",
            sender="192.0.2.1",
            server="mx.a.example",
            greeting="mx.a.example",
            address="198.51.100.9",
            reason="self-signed-certificate",
        ),
    )


def test_version_1_is_known() -> None:
    """As newer libraries name it; what they add is passed over."""
    assert session(changed(SUCCESS, dpv="1", new=[1])) == session(SUCCESS)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"x",
        b"[]",
        b"[" * 60_000,
        b" " * 70_000 + SUCCESS,
        changed(SUCCESS, dpv="2"),
        changed(SUCCESS, d=""),
        changed(SUCCESS, d=7),
        changed(SUCCESS, d="a b"),
        changed(SUCCESS, pr=None),
        changed(SUCCESS, policies={}),
        changed(SUCCESS, policies=["x"]),
        of_policy(SUCCESS, policy_type=3),
        of_policy(SUCCESS, policy_type=True),
        of_policy(SUCCESS, f=2),
        of_policy(SUCCESS, f=None),
        of_policy(SUCCESS, failure_details=[{"c": 901}]),
        of_policy(SUCCESS, policy_string="x"),
    ],
)
def test_what_is_none(datagram: bytes) -> None:
    """One error, whatever is wrong."""
    with pytest.raises(BadDatagram):
        list(read_datagram(datagram))


def test_words_of_strangers_are_cut() -> None:
    """No control characters, and nothing longer than is reported."""
    many = ["mx: \0" + "x" * 500] * 120
    found = session(of_policy(SUCCESS, policy_string=many, failure_details=[{"c": 201, "n": "\n"}]))
    assert len(found.policy.lines) == MAX_LINES
    assert max(map(len, found.policy.lines)) <= MAX_TEXT
    assert "\0" not in found.policy.lines[0]
    assert found.failures == (Failure("starttls-not-supported"),)


def test_octets_that_are_no_utf8() -> None:
    """The library passes them on as they came."""
    found = session(FAILURE.replace(b"self-signed", b"self\xffsigned"))
    assert found.failures[0].reason == "self\N{REPLACEMENT CHARACTER}signed-certificate"


@given(st.binary(max_size=300))
def test_nothing_else_is_raised(octets: bytes) -> None:
    """Any octets are a datagram, or are refused as none."""
    for datagram in (octets, FAILURE[:40] + octets + FAILURE[60:]):
        with suppress(BadDatagram):
            list(read_datagram(datagram))
