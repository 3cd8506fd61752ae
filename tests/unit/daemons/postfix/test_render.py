"""What Postfix is given at each example site."""

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.postfix import DAEMON
from mailstack.errors import ConfigError

VERSION = (3, 7, 11)
TYPICAL = site("postfix", version=VERSION)
OVERRIDES = {
    "main.cf": "message_size_limit = 20000000\nsmtp_tls_policy_maps = inline:{a.example=secure}\n",
    "master.cf": "submission/inet/smtpd_client_auth_rate_limit = 5\n"
    "archive unix - - n - - pipe\n    flags=R user=nobody argv=/bin/true\n",
    "partners.cidr": "192.0.2.0/24 permit\n",
}


@pytest.mark.parametrize(
    ("name", "where", "overrides"),
    [
        ("typical", TYPICAL, {}),
        (
            "one-address-shifted",
            site("postfix", version=VERSION, public_host="203.0.113.5", offset=20_000),
            {},
        ),
        (
            "no-blocklists-no-greylisting",
            site(
                "postfix",
                version=VERSION,
                settings={"smtp": {"dnsbl_sites": ()}, "greylist": {"enabled": False}},
            ),
            {},
        ),
        ("cluster", site("postfix", version=VERSION, in_cluster=True), {}),
        ("overrides", TYPICAL, OVERRIDES),
    ],
)
def test_golden(name: str, where: Site, overrides: Overrides) -> None:
    """A site is rendered to exactly these bytes."""
    assert_golden(f"postfix/{name}", DAEMON.render(where, overrides))


def test_rendering_is_pure() -> None:
    """The same site gives the same bytes, and overriding nothing changes nothing."""
    assert DAEMON.render(TYPICAL, {}) == DAEMON.render(TYPICAL, {"main.cf": "", "master.cf": "\n"})


def test_relaying_is_by_login_only() -> None:
    """No rendering trusts an address: mynetworks is empty and nothing permits it."""
    main = DAEMON.render(TYPICAL, {})["main.cf"]
    assert "\nmynetworks =\n" in main
    assert "permit_mynetworks" not in main


@pytest.mark.parametrize("name", ["postscreen_access", "submission_headers"])
def test_our_tables_are_not_overridden(name: str) -> None:
    """An owner's table may have any name but ours; those are no override files."""
    assert name not in DAEMON.override_files


@pytest.mark.parametrize(
    ("override", "restart"),
    [
        ("message_size_limit = 5\n", False),
        ("inet_interfaces = 203.0.113.9\n", True),
        ("inet_protocols = ipv4\n", True),
        ("queue_directory = /elsewhere\n", True),
    ],
)
def test_restart_only_for_what_master_reads_once(override: str, restart: bool) -> None:  # noqa: FBT001
    """A reload is enough for all but interfaces and folders."""
    old, new = DAEMON.render(TYPICAL, {}), DAEMON.render(TYPICAL, {"main.cf": override})
    assert DAEMON.restart_needed(old, new) is restart


def test_a_broken_override_is_named() -> None:
    """What cannot be merged names the owner's file and line."""
    with pytest.raises(ConfigError) as refused:
        DAEMON.render(TYPICAL, {"main.cf": "# mine\n\nnonsense\n"})
    assert str(refused.value) == (
        "/srv/mail/overrides/postfix/main.cf:3: 'nonsense' sets no parameter; "
        'write "name = value"'
    )
