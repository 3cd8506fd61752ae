"""What Dovecot is given at each example site, in both of its dialects."""

from dataclasses import replace

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.dovecot import DAEMON, facts
from mailstack.topology.stack import STACK

DEBIAN_12, DEBIAN_13 = (2, 3, 19), (2, 4, 1)
OWN = {"mailbox": {"delimiter": "-", "default_quota": "2GiB"}}


@pytest.mark.parametrize(
    ("name", "where", "overrides"),
    [
        ("typical-2.3", site("dovecot", version=DEBIAN_12), {}),
        ("typical-2.4", site("dovecot", version=DEBIAN_13), {}),
        ("shifted-2.3", site("dovecot", version=DEBIAN_12, offset=20_000, settings=OWN), {}),
        ("shifted-2.4", site("dovecot", version=DEBIAN_13, offset=20_000, settings=OWN), {}),
        (
            "cluster-2.4",
            replace(
                site("dovecot", version=DEBIAN_13, in_cluster=True), account=facts.MAIL_ACCOUNT
            ),
            {},
        ),
        (
            "overrides-2.3",
            replace(site("dovecot", version=DEBIAN_12, public_host="192.0.2.1"), ipv6=False),
            {"own.conf": "mail_max_userip_connections = 5\n"},
        ),
    ],
)
def test_golden(name: str, where: Site, overrides: Overrides) -> None:
    """A site is rendered to exactly these bytes."""
    assert_golden(f"dovecot/{name}", DAEMON.render(where, overrides))


@pytest.mark.parametrize("version", [DEBIAN_12, DEBIAN_13])
def test_scripts_mail_through_our_postfix(version: tuple[int, ...]) -> None:
    """The machine's own sendmail is another mail system and is never used."""
    text = DAEMON.render(site("dovecot", version=version), {})["dovecot.conf"]
    assert "submission_host = 127.0.0.1:10026" in text
    assert "sendmail_path" not in text


@pytest.mark.parametrize("version", [DEBIAN_12, DEBIAN_13])
def test_without_root_there_is_one_account(version: tuple[int, ...]) -> None:
    """In a container no process needs another account, a chroot, or a port below 1024."""
    where = site("dovecot", version=version, in_cluster=True)
    text = DAEMON.render(replace(where, account=facts.MAIL_ACCOUNT), {})["dovecot.conf"]
    for kind in ("internal_user", "internal_group", "login_user"):
        assert f"default_{kind} = {facts.ACCOUNT_INSIDE}" in text
    assert "port = 10143" in text
    assert "port = 143" not in text
    assert STACK.service("dovecot").account_inside == facts.ACCOUNT_INSIDE
    assert STACK.service("dovecot").uid == facts.MAIL_ACCOUNT.uid


BALANCED = {"listen": {"proxy_networks": ["10.9.0.0/24", "2001:db8::/32"]}}


@pytest.mark.parametrize(
    ("version", "where"), [(DEBIAN_12, "address = *, ::"), (DEBIAN_13, "listen = *, ::")]
)
def test_load_balancers_have_ports_of_their_own(version: tuple[int, ...], where: str) -> None:
    """There the header is asked for, of the networks that are named; nothing else changes."""
    own = DAEMON.render(site("dovecot", version=version), {})["dovecot.conf"]
    text = DAEMON.render(site("dovecot", version=version, settings=BALANCED), {})["dovecot.conf"]
    before, mark, behind = text.partition("\n## Load balancers")
    added, _, rest = behind.partition("\n}\n")
    assert mark
    assert before + rest == own
    assert "haproxy_trusted_networks = 10.9.0.0/24 2001:db8::/32\n" in added
    for port, more in (("imap", ""), ("imaps", "    ssl = yes\n")):
        number = STACK.service("dovecot").port(port).balanced
        lines = f"    {where}\n    port = {number}\n{more}    haproxy = yes\n"
        assert f"  inet_listener {port}-lb {{\n{lines}  }}" in added
