"""The tests of every daemon once more, with the daemons of Debian 13.

Dovecot 2.4 reads another dialect than Debian 12's 2.3; Postfix 3.10, unbound 1.22 and the rest read
the same files as their older selves, which is what these runs show.
"""

import os
import sys

import pytest
from tests.daemons.debian13 import run_inside

if os.geteuid() != 0:
    pytest.skip("making and entering a root needs root", allow_module_level=True)
if sys.version_info[:2] == (3, 13):
    pytest.skip("this is Debian 13 already", allow_module_level=True)

PYTEST = ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=")


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "daemon", ["dovecot", "opendkim", "postfix", "postgrey", "spamassassin", "unbound"]
)
def test_daemon_of_debian_13(daemon: str) -> None:
    """What holds with this machine's daemon holds with Debian 13's."""
    import_mode = "--import-mode=importlib"
    finished = run_inside([*PYTEST, import_mode, f"tests/daemons/test_{daemon}.py"], 600)
    assert finished.returncode == 0, finished.stdout[-20_000:]
