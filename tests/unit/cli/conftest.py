"""A couchmail of its own for the commands that talk to one, in a throw-away state folder."""

import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from mailstack.cli.__main__ import run
from mailstack.cli.invocation import Invocation
from mailstack.topology.stack import STACK

Said: TypeAlias = tuple[int, str, str]
"""Exit code, standard output, standard error."""
Mailstack: TypeAlias = Callable[..., Said]


@pytest.fixture(scope="session")
def couchmail() -> Iterator[Path]:
    """Run couchmail as a process of its own; gives the state folder."""
    with tempfile.TemporaryDirectory(prefix="mailstack-cli-") as folder:
        state = Path(folder)
        with subprocess.Popen(
            [sys.executable, "-m", "mailstack.couchmail", "--config", _config(state)],
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                _until_listening(process)
                yield state
            finally:
                process.terminate()
                process.communicate(timeout=10)


def _until_listening(process: "subprocess.Popen[str]") -> None:
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        if "listening:" in line:
            return
        lines.append(line)
    pytest.fail(f"couchmail ended with {process.wait()}: {''.join(lines)}")


def _config(state: Path) -> str:
    socket = Invocation(state=state).api_socket
    socket.parent.mkdir(parents=True)
    token = state / "token"
    token.write_text(secrets.token_hex())
    file = state / "couchmail.json"
    ports = STACK.service("couchmail").ports
    config = {
        "listen": {port.name: {"host": "127.0.0.1", "port": 0} for port in ports},
        "database": str(state / "store.sqlite"),
        "socket": str(socket),
        "marker": str(state / "store-created"),
        "token_file": str(token),
        "uid": 0,
        "gid": 0,
        "owner_email": "owner@example.net",
        "primary_domain": "example.org",
        "delimiter": "+",
    }
    file.write_text(json.dumps(config))
    return str(file)


@pytest.fixture
def mailstack(couchmail: Path, capsys: pytest.CaptureFixture[str]) -> Mailstack:
    """Run a command line against that couchmail."""

    def call(*arguments: str) -> Said:
        status = run(["--state", str(couchmail), *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return call
