"""``tests/streams.py``: what may run side by side."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.streams import stream

REPOSITORY = Path(__file__).parents[2]

TOGETHER = [
    ("tests/daemons/test_postfix.py::test_a", "tests/e2e/ops/test_kills.py::test_b[x::y]"),
    ("tests/containers/test_mail.py::test_a", "tests/containers/test_moving.py::test_b"),
    ("tests/unit/aio/test_lock.py::test_a", "tests/unit/aio/test_lock.py::test_b"),
]
APART = [
    ("tests/daemons/test_postfix.py::test_a", "tests/daemons/test_debian13.py::test_b"),
    ("tests/daemons/test_postfix.py::test_a", "tests/containers/test_mail.py::test_b"),
    ("tests/unit/aio/test_lock.py::test_a", "tests/unit/aio/test_udp.py::test_b"),
]


@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_what_would_meet_stays_together(one: str, other: str) -> None:
    """Whoever uses the machine's ports, podman's network or one root is in one stream."""
    assert stream(one) == stream(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_does_not_meet_may_run_side_by_side(one: str, other: str) -> None:
    """Containers and Debian 13 have networks of their own; other files have no daemon."""
    assert stream(one) != stream(other)


def test_a_file_is_with_one_worker(tmp_path: Path) -> None:
    """Two workers have all of the tests between them, and no file is with both."""
    shutil.copy(REPOSITORY / "tests" / "conftest.py", tmp_path)
    for name in ("one", "two", "three"):
        tests = (f"def test_{number}():\n    pass\n" for number in range(5))
        (tmp_path / f"test_{name}.py").write_text("".join(tests))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-v", "-p", "no:cacheprovider", tmp_path],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "15 passed" in done.stdout, done.stdout
    passed = re.findall(r"\[(gw\d)\].* PASSED (test_\w+\.py)", done.stdout)
    assert len(passed) == 15
    assert len(set(passed)) == 3
