"""The rule of tests/conftest.py: where every test must run, a skip is a failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPED = {
    "in a test": 'import pytest\ndef test_a():\n    pytest.skip("no daemon here")\n',
    "by a mark": 'import pytest\n@pytest.mark.skip("no daemon here")\ndef test_a():\n    pass\n',
    "a module": 'import pytest\npytest.skip("no daemon here", allow_module_level=True)\n',
}


def outcome(folder: Path, text: str, *, everything: bool) -> tuple[int, str]:
    shutil.copy(CONFTEST, folder)
    (folder / "test_it.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        env={**os.environ, "CI": "true" if everything else ""},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("how", SKIPPED)
def test_a_skip_fails_on_the_build_machine(tmp_path: Path, how: str) -> None:
    """With CI=true a skip is red, and its reason is shown."""
    status, told = outcome(tmp_path, SKIPPED[how], everything=True)
    assert status != 0
    assert "no daemon here" in told


def test_a_skip_is_allowed_elsewhere(tmp_path: Path) -> None:
    """On somebody's laptop a test may skip what is not installed."""
    assert outcome(tmp_path, SKIPPED["in a test"], everything=False)[0] == 0
