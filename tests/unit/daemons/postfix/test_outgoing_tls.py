"""What Postfix demands of the servers it sends to, by the settings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.golden.sites import site

from mailstack.daemons.postfix import DAEMON


def parameters(
    settings: Mapping[str, Any], version: tuple[int, ...] = (3, 7, 11), *, alone: bool = False
) -> dict[str, str]:
    """Return main.cf as it is for these settings; ``alone``: no service of policies is there."""
    where = site("postfix", version=version, settings=settings)
    if alone:
        kept = {name: at for name, at in where.addresses.items() if "tlspolicy" not in name}
        where = replace(where, addresses=kept)
    lines = (line.partition(" =") for line in DAEMON.render(where, {})["main.cf"].splitlines())
    return {name: value.strip() for name, found, value in lines if found and name[:1] != "#"}


@pytest.mark.parametrize(
    ("settings", "level", "dns"),
    [
        ({}, "dane", "dnssec"),
        ({"dns": {"dnssec": False}}, "may", "enabled"),
        ({"tls_policy": {"dane": False}}, "may", "enabled"),
    ],
)
def test_dane_needs_dns_that_is_validated(
    settings: Mapping[str, Any], level: str, dns: str
) -> None:
    """Without validation by our resolver, TLSA records prove nothing."""
    found = parameters(settings)
    assert found["smtp_tls_security_level"] == level
    assert found["smtp_dns_support_level"] == dns


def test_policies_are_asked_for_where_someone_answers() -> None:
    """Not when switched off, nor on the smallest cluster, which has no such service."""
    assert parameters({})["smtp_tls_policy_maps"].endswith(":tlspolicy")
    off = {"tls_policy": {"mta_sts": False}}
    assert parameters(off)["smtp_tls_policy_maps"] == ""
    assert parameters({}, alone=True)["smtp_tls_policy_maps"] == ""


def test_deliveries_are_told_by_a_postfix_that_can() -> None:
    """From 3.10 on, when a collector is wanted; an older Postfix would not know the words."""
    wanted = {"tls_policy": {"report": True}}
    assert "smtp_tlsrpt_enable" not in parameters(wanted)
    assert "smtp_tlsrpt_enable" not in parameters({}, (3, 10, 13))
    assert parameters(wanted, (3, 10, 13))["smtp_tlsrpt_enable"] == "yes"
