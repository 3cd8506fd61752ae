"""Outgoing mail is held to what a domain promises of its servers: by DANE, and by MTA-STS."""

import pytest
from tests.e2e.outbound.conftest import SIGNED, Outbound

from mailstack.demo.records import FRIEND, OTHER


@pytest.mark.usefixtures("signed")
def test_dane_that_matches(outbound: Outbound) -> None:
    """The certificate is the one in signed DNS: delivered, and verified by it."""
    log = outbound.fate(f"ann@right.{SIGNED}")
    assert "status=sent" in log
    assert f"Verified TLS connection established to mx1.{SIGNED}" in log
    assert outbound.arrived(f"ann@right.{SIGNED}")


@pytest.mark.usefixtures("signed")
def test_dane_that_does_not_match(outbound: Outbound) -> None:
    """Another certificate than in signed DNS: mail waits, and nothing is sent in the clear."""
    log = outbound.fate(f"ann@wrong.{SIGNED}")
    assert "status=deferred" in log
    assert "no matching DANE TLSA records" in log
    assert not outbound.arrived(f"ann@wrong.{SIGNED}")


@pytest.mark.usefixtures("signed")
def test_dane_comes_first(outbound: Outbound) -> None:
    """A policy would let the server pass, signed DNS does not: mail waits (RFC 8461 2)."""
    outbound.write_policy(f"both.{SIGNED}", "enforce", f"mail.{OTHER}")
    log = outbound.fate(f"ann@both.{SIGNED}")
    assert "status=deferred" in log
    assert f"mx3.{SIGNED}" in log
    assert "no matching DANE TLSA records" in log
    assert not outbound.arrived(f"ann@both.{SIGNED}")
    assert (outbound.stack.state / "data/tlspolicy/policies" / f"both.{SIGNED}").exists()


def test_a_policy_that_is_kept(outbound: Outbound) -> None:
    """The server is the promised one, with a certificate to be trusted: delivered."""
    domain = "enforced.example"
    outbound.promise(domain, "enforce", f"mail.{OTHER}", mx=f"mail.{OTHER}")
    log = outbound.fate(f"ann@{domain}")
    assert "status=sent" in log
    assert f"Verified TLS connection established to mail.{OTHER}" in log
    assert outbound.arrived(f"ann@{domain}")


def test_another_server_than_promised(outbound: Outbound) -> None:
    """The certificate is valid, for a server that the policy does not name: mail waits."""
    domain = "elsewhere.example"
    outbound.promise(domain, "enforce", "mx.promised.example", mx=f"mail.{OTHER}")
    log = outbound.fate(f"ann@{domain}")
    assert "status=deferred" in log
    assert not outbound.arrived(f"ann@{domain}")


def test_a_policy_that_is_only_tested(outbound: Outbound) -> None:
    """A policy in testing mode stops nothing (RFC 8461 5)."""
    domain = "testing.example"
    outbound.promise(domain, "testing", "mx.promised.example", mx=f"mail.{FRIEND}")
    assert "status=sent" in outbound.fate(f"ann@{domain}")
    assert outbound.arrived(f"ann@{domain}")


def test_a_policy_outlives_its_host_and_a_restart(outbound: Outbound) -> None:
    """Mail waits for a valid certificate, also when the policy can no longer be fetched."""
    domain = "untrusted.example"
    outbound.promise(domain, "enforce", f"mail.{FRIEND}", mx=f"mail.{FRIEND}")
    assert "status=deferred" in outbound.fate(f"ann@{domain}")
    outbound.close_policy_host()
    pid = outbound.stack.kill("tlspolicy")
    outbound.stack.wait_for_another("tlspolicy", pid)
    log = outbound.fate(f"ben@{domain}")
    assert "status=deferred" in log
    assert "not trusted" in log or "not verified" in log
    assert not outbound.arrived(f"ann@{domain}")
    assert not outbound.arrived(f"ben@{domain}")
