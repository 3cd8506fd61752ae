"""``.ci/run``: what the build machine calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci" / "run"

MAKEFILE = """\
test:
\t@echo CI=$(CI)
\t@echo '===== {closing} in 0.10s ====='
\t@exit {status}
"""


def build(folder: Path, closing: str, status: int) -> tuple[int, list[str]]:
    """Run a copy beside a Makefile that ends so, with an apt-get that does nothing."""
    (folder / ".ci").mkdir()
    shutil.copy(RUN, folder / ".ci")
    (folder / "Makefile").write_text(MAKEFILE.format(closing=closing, status=status))
    (folder / "bin").mkdir()
    apt = folder / "bin" / "apt-get"
    apt.write_text("#!/bin/sh\n")
    apt.chmod(0o755)
    done = subprocess.run(
        [folder / ".ci" / "run"],
        env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(("closing", "status"), [("3 passed", 0), ("1 failed, 2 passed", 1)])
def test_the_last_line_is_the_test_runners(tmp_path: Path, closing: str, status: int) -> None:
    """The closing line of pytest comes last, whatever make adds, and the exit code is kept."""
    found, lines = build(tmp_path, closing, status)
    assert (found != 0) == (status != 0)
    assert "CI=true" in lines
    assert lines[-1] == f"===== {closing} in 0.10s ====="
