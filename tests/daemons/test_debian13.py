"""The tests of every daemon once more, with the daemons of Debian 13.

Dovecot 2.4 reads another dialect than Debian 12's 2.3; Postfix 3.10, unbound 1.22 and the rest read
the same files as their older selves, which is what these runs show.
"""

import os
from pathlib import Path

import pytest
from tests.daemons.debian13 import RELEASE, run_inside

from mailstack.daemons.debian import release

if os.geteuid() != 0:
    pytest.skip("making and entering a system needs root", allow_module_level=True)
if release() >= RELEASE:
    # The tests themselves run with these daemons, so there is nothing to add.
    FILES = []
else:
    HERE = Path(__file__)
    # Pods need the libraries of an image: tests/containers runs them on Debian 13. The others have
    # no daemon of the stack in them, or one of the very same version (OpenDKIM 2.11.0~beta2).
    APART = {HERE.name, "test_names.py", "test_opendkim_tables.py", "test_pods.py"} | {
        path.name
        for name in ("dns_*", "letsencrypt*")
        for path in HERE.parent.glob(f"test_{name}.py")
    }
    FILES = sorted(p.name for p in HERE.parent.glob("test_*.py") if p.name not in APART)

PYTEST = ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=")
MAKING_S, RUNNING_S = 900, 600


@pytest.mark.timeout(MAKING_S + RUNNING_S)
@pytest.mark.parametrize("file", FILES)
def test_with_the_daemons_of_debian_13(file: str) -> None:
    """What holds with this machine's daemons holds with Debian 13's."""
    tests = ("--import-mode=importlib", f"tests/daemons/{file}")
    finished = run_inside([*PYTEST, *tests], RUNNING_S)
    assert finished.returncode == 0, finished.stdout[-20_000:]
