"""The rule of tests/conftest.py: where every test must run, a skip is a failure."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
REPOSITORY = CONFTEST.parents[1]

SKIPPED = {
    "in a test": 'import pytest\ndef test_a():\n    pytest.skip("no daemon here")\n',
    "by a mark": 'import pytest\n@pytest.mark.skip("no daemon here")\ndef test_a():\n    pass\n',
    "a module": 'import pytest\npytest.skip("no daemon here", allow_module_level=True)\n',
}


def outcome(
    folder: Path, *texts: str, everything: bool, options: Sequence[str] = ()
) -> tuple[int, str]:
    shutil.copy(CONFTEST, folder)
    for number, text in enumerate(texts):
        (folder / f"test_{number}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)],
        # Where tests/streams.py is found.
        env={**os.environ, "CI": "true" if everything else "", "PYTHONPATH": str(REPOSITORY)},
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


def test_a_skip_fails_in_a_worker_too(tmp_path: Path) -> None:
    """Each of the three, where tests run side by side."""
    status, told = outcome(tmp_path, *SKIPPED.values(), everything=True, options=("-n", "2"))
    assert status != 0
    assert "1 failed, 2 errors" in told  # a test that is skipped before it begins, and its module
    assert "passed" not in told
    assert "skipped in" not in told


def test_a_skip_is_allowed_elsewhere(tmp_path: Path) -> None:
    """On somebody's laptop a test may skip what is not installed."""
    assert outcome(tmp_path, SKIPPED["in a test"], everything=False)[0] == 0
