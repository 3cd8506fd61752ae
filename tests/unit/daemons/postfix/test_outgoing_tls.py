"""What Postfix demands of the servers it sends to, by the settings."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.golden.sites import site

from mailstack.agent.state import MAX_OCTETS
from mailstack.daemons.postfix import DAEMON
from mailstack.daemons.postfix.installed import TLSRPT
from mailstack.daemons.postfix.tls import REPORT_SOCKET
from mailstack.daemons.postfix.tls_reports import FILE
from mailstack.reports.tls.config import Config


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


def test_a_whole_policy_is_for_a_postfix_that_understands_it() -> None:
    """From 3.10 on; an older one would refuse the words, and mail would wait."""
    assert parameters({}, (3, 10, 13))["smtp_tls_policy_maps"].endswith(":tlspolicy-3.10")


@pytest.mark.parametrize(
    ("settings", "told", "reported"),
    [
        ({}, True, True),
        ({"reports": {"send_tls": False}}, False, False),
        ({"tls_policy": {"report": True}}, True, False),
    ],
)
def test_handshakes_are_told_by_a_postfix_that_can(
    settings: Mapping[str, Any], *, told: bool, reported: bool
) -> None:
    """To us, or to a collector of the owner's. Another Postfix would not know the words."""
    for features in ((), (TLSRPT,)):
        where = site("postfix", version=(3, 10, 13), settings=settings, features=features)
        files = DAEMON.render(where, {})
        assert ("smtp_tlsrpt_enable = yes" in files["main.cf"]) == (told and bool(features))
        assert (FILE in files) == (reported and bool(features))


def test_the_socket_fits_where_the_others_do() -> None:
    """The longest name that a state folder may have leaves room for this one too."""
    assert MAX_OCTETS + len(f"/data/postfix/spool/{REPORT_SOCKET}") <= 107


def test_what_a_pass_is_told(tmp_path: Path) -> None:
    """It reads what is rendered; Postfix is reached where it listens."""
    where = site("postfix", version=(3, 10, 13), features=(TLSRPT,))
    file = tmp_path / FILE
    file.write_text(DAEMON.render(where, {})[FILE])
    config = Config.read(file)
    assert (config.domain, config.postfix.host) == ("example.org", "127.0.0.1")
    assert config.folder == Path("/srv/mail/data/postfix/spool/tlsrpt")
