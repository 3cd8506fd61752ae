"""Which domain a Host header means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.names.hosts import Named, readings


def test_a_service_name_comes_before_a_domain_of_that_name() -> None:
    """``autoconfig.example.org`` is the domain's service, and may still be a domain."""
    found = [(one.domain, one.role) for one in readings("AutoConfig.Example.ORG:443")]
    assert found == [("example.org", "autoconfig"), ("autoconfig.example.org", None)]


@pytest.mark.parametrize(
    "host", ["", "x", "[::1]", "192.0.2.1", "a b.example", "a_b.example", "é.x"]
)
def test_what_is_no_host_name(host: str) -> None:
    """Nothing of it is looked up."""
    assert readings(host) == ()


def test_a_role_needs_a_domain_below_it() -> None:
    """``autoconfig.example`` is a domain and nobody's service."""
    assert [one.role for one in readings("autoconfig.example")] == [None]


@given(st.text(max_size=300))
def test_whatever_is_sent(host: str) -> None:
    """Any text is read, or is nobody's; a domain that is read is a canonical one."""
    for one in readings(host):
        assert isinstance(one, Named)
        assert one.domain == one.domain.lower()
