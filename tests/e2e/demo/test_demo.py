"""``mailstack demo``, as a person runs it, beside the stack of the other tests."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.stack import missing, wait_until_unused

from mailstack.demo.addresses import Plan

_DEMO = (sys.executable, "-m", "mailstack.cli", "demo")
_FOLDER = re.compile(r"/\S+/mailstack-demo-\w+")


def _start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*_DEMO, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope="module", autouse=True)
def _can_run() -> None:
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def kept() -> Iterator[str]:
    """What a demonstration with --keep printed; it is stopped and removed afterwards."""
    with _start("--keep") as process:
        said, _ = process.communicate(timeout=90)
    yield said
    if folder := _FOLDER.search(said):
        _program(said, "down")
        shutil.rmtree(folder[0], ignore_errors=True)


def _program(said: str, command: str) -> subprocess.CompletedProcess[str]:
    folder = Path(_FOLDER.findall(said)[0])
    places = (f"--config={folder}/mailstack.toml", f"--state={folder}/var")
    return subprocess.run(
        [sys.executable, "-m", "mailstack.cli", *places, command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_step_succeeds(kept: str) -> None:
    """From nothing to mail in mailboxes, and out again, in one command."""
    assert "FAILED" not in kept, kept
    found = re.search(r"(\d+) of (\d+) steps succeeded", kept)
    assert found is not None
    assert found[1] == found[2]


def test_a_kept_stack_goes_on_until_it_is_stopped(kept: str) -> None:
    """With --keep the stack and its internet go on, and the last lines tell how to stop them."""
    for words in ("IMAP over TLS", "submission", "look at it", "stop it", "has the password"):
        assert words in kept
    found = re.search(r"mailstack-outside-(\d+)", kept)
    assert found is not None
    namespace = Path("/run/netns", found[0])
    assert _program(kept, "status").returncode == 0
    assert namespace.exists()
    assert _program(kept, "down").returncode == 0
    wait_until_unused(Plan(int(found[1])))
    assert not namespace.exists()


def test_interrupted_it_leaves_nothing() -> None:
    """Ctrl-C in the middle stops the daemons, and removes the network and the files."""
    with _start() as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "The stack starts:" in line:
                break
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    said = "".join(lines) + rest
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not Path(_FOLDER.findall(said)[0]).exists()
