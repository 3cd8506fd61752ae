"""MTA-STS as a service."""

from tests.golden.sites import site

from mailstack.daemons.tlspolicy import DAEMON
from mailstack.daemons.tlspolicy.render import FILE

VERSION = (0, 1, 0)
TYPICAL = site("tlspolicy", version=VERSION)


def test_a_change_is_a_restart() -> None:
    """It starts at once, so nothing is read anew by a running one."""
    files = DAEMON.render(TYPICAL, {})
    assert not DAEMON.restart_needed(files, files)
    assert DAEMON.restart_needed(files, {FILE: files[FILE].replace("10029", "10001")})
