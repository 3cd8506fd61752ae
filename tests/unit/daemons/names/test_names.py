"""The web service of the domains' names as a service."""

from tests.golden.sites import site

from mailstack.daemons.names import DAEMON
from mailstack.daemons.names.render import FILE

VERSION = (0, 1, 0)
TYPICAL = site("names", version=VERSION)


def test_what_needs_a_restart() -> None:
    """Another port does, another policy is read by the running one."""
    files = DAEMON.render(TYPICAL, {})
    assert DAEMON.restart_needed(files, {FILE: files[FILE].replace("443", "8443")})
    assert not DAEMON.restart_needed(files, {FILE: files[FILE].replace("testing", "enforce")})
