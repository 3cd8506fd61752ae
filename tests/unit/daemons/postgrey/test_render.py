"""What Postgrey is given at each example site."""

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import ACCOUNT, site

from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.postgrey import DAEMON

VERSION = (1, 37)
TYPICAL = site("postgrey", version=VERSION)


@pytest.mark.parametrize(
    ("name", "where", "overrides"),
    [
        ("typical", TYPICAL, {}),
        (
            "shifted-short-delay",
            site("postgrey", version=VERSION, offset=20_000, settings={"greylist": {"delay": 5}}),
            {},
        ),
        ("cluster", site("postgrey", version=VERSION, in_cluster=True), {}),
        ("overrides", TYPICAL, {"whitelist_clients": "partner.example\n"}),
    ],
)
def test_golden(name: str, where: Site, overrides: Overrides) -> None:
    """A site is rendered to exactly these bytes."""
    assert_golden(f"postgrey/{name}", DAEMON.render(where, overrides))


def test_command_line() -> None:
    """It runs as its own account, in the foreground, with the package's list and the owner's."""
    (command,) = DAEMON.commands(TYPICAL)
    assert command.account == ACCOUNT
    assert "--daemonize" not in command.argv
    assert (
        command.argv[-1]
        == "--whitelist-recipients=/srv/mail/conf/postgrey/current/whitelist_recipients"
    )


def test_whitelists_need_no_restart() -> None:
    """A list is read anew on SIGHUP; the command line is not."""
    old = DAEMON.render(TYPICAL, {})
    lists = DAEMON.render(TYPICAL, {"whitelist_clients": "partner.example\n"})
    slower = site("postgrey", version=VERSION, settings={"greylist": {"delay": 900}})
    assert not DAEMON.restart_needed(old, lists)
    assert DAEMON.restart_needed(old, DAEMON.render(slower, {}))
