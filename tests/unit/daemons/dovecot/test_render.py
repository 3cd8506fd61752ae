"""What Dovecot is given at each example site, in both of its dialects."""

from dataclasses import replace

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.dovecot import DAEMON
from mailstack.topology.model import Endpoint

DEBIAN_12, DEBIAN_13 = (2, 3, 19), (2, 4, 1)
OWN = {"mailbox": {"delimiter": "-", "default_quota": "2GiB"}}


@pytest.mark.parametrize(
    ("name", "where", "overrides"),
    [
        ("typical-2.3", site("dovecot", version=DEBIAN_12), {}),
        ("typical-2.4", site("dovecot", version=DEBIAN_13), {}),
        ("shifted-2.3", site("dovecot", version=DEBIAN_12, offset=20_000, settings=OWN), {}),
        ("shifted-2.4", site("dovecot", version=DEBIAN_13, offset=20_000, settings=OWN), {}),
        ("cluster-2.4", site("dovecot", version=DEBIAN_13, in_cluster=True), {}),
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
def test_scripts_mail_through_our_postfix_or_not_at_all(version: tuple[int, ...]) -> None:
    """The machine's own sendmail is another mail system and is never used."""
    alone = site("dovecot", version=version)
    text = DAEMON.render(alone, {})["dovecot.conf"]
    assert "sendmail_path = /bin/false" in text
    assert "sieve_max_redirects = 0" in text
    linked = {**alone.addresses, "postfix.reinject": Endpoint("127.0.0.1", 9)}
    text = DAEMON.render(replace(alone, addresses=linked), {})["dovecot.conf"]
    assert "submission_host = 127.0.0.1:9" in text
    assert "sieve_max_redirects = 4" in text
    assert "sendmail_path" not in text
