"""Start the supervisor in the background, and keep a line to it that reports its start."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mailstack.agent.options import Options
from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.daemons import program
from mailstack.supervisor import client


@dataclass(frozen=True, slots=True)
class Launched:
    """A supervisor that is starting; ``connection`` tells what happens."""

    connection: socket.socket
    process: subprocess.Popen[bytes]


def launch(options: Options, log: Path) -> Launched:
    """Start a supervisor in a session of its own, so that it outlives the terminal."""
    ours, theirs = socket.socketpair()
    with theirs, log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mailstack.supervisor", *_arguments(options, theirs)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**MINIMAL_ENVIRONMENT, **program.ENVIRONMENT},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    client.ask(ours, "watch")
    return Launched(ours, process)


def _arguments(options: Options, starter: socket.socket) -> list[str]:
    sets = [word for pair in options.sets for word in ("--set", pair)]
    return [
        *("--config", os.fspath(options.config.absolute())),
        *("--state", os.fspath(options.state)),
        *("--starter", str(starter.fileno())),
        *sets,
    ]
