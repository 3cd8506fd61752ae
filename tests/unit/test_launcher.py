"""The launcher in the repository's root: what it decides before the program runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = "libraries could not be installed; is there a network?"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh copy of all that the launcher reads."""
    folder = tmp_path / "checkout"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "mailstack", folder)
    shutil.copy(ROOT / "requirements" / "base.txt", folder / "requirements")
    return folder


def launch(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the launcher from elsewhere, without a package index."""
    return subprocess.run(
        [str(program), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )


def make_ready(checkout: Path) -> None:
    """Put a .venv there whose Python only says what it was asked, made as the launcher notes it."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    python.chmod(0o755)
    with (checkout / "requirements" / "base.txt").open("rb") as lock:
        sum_ = subprocess.run(["cksum"], stdin=lock, capture_output=True, text=True, check=True)
    recipe = f"{sum_.stdout.strip()} {python.resolve()} {checkout.resolve()}\n"
    (checkout / ".venv" / "recipe").write_text(recipe)


def test_a_ready_checkout_runs_at_once(checkout: Path, tmp_path: Path) -> None:
    """From any folder and through a link the program gets its arguments as they are."""
    make_ready(checkout)
    link = tmp_path / "link"
    link.symlink_to(checkout / "mailstack")
    for program in (checkout / "mailstack", link):
        finished = launch(program, "user", "add", "a b", "")
        assert finished.stdout == "-P|-m|mailstack.cli|user|add|a b||"
        assert (finished.returncode, finished.stderr) == (0, "")


def test_a_first_run_without_a_network(checkout: Path) -> None:
    """It says what it does and what is wrong, exits 1, and the next run tries again.

    A .venv of another recipe, as after an upgrade, is no ready one.
    """
    make_ready(checkout)
    (checkout / ".venv" / "recipe").write_text("of another lock file\n")
    for _ in range(2):
        finished = launch(checkout / "mailstack", "--version")
        assert finished.returncode == 1
        first, last = finished.stderr.splitlines()
        assert first.startswith("mailstack: ")
        assert last.startswith(f"mailstack: {LIBRARIES} (ERROR: ")
        assert not (checkout / ".venv" / "recipe").exists()
