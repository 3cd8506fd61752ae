"""What the packages of our own programs have in common: one JSON file, one process.

Such a program is always installed, its checker is its own loader, and it starts as root where the
agent is root, because it must import itself from wherever that is; then it becomes its account.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import mailstack
from mailstack.aio.dialog import connect
from mailstack.daemons.contract import Account, Command, NotReady, ProbeFailed, Version
from mailstack.topology.model import LOOPBACK, Endpoint

VERSION: Final[Version] = tuple(int(part) for part in re.findall(r"\d+", mailstack.__version__))
"""Of every program of ours: that of the release."""


ENVIRONMENT: Final[Mapping[str, str]] = {
    "PYTHONPATH": str(Path(mailstack.__file__).parents[1]),
    "MALLOC_ARENA_MAX": "1",
}
"""Of every program of ours. One malloc arena: they have one busy thread, and arenas cost memory."""


def command(module: str, config: Path, *, stop_timeout_s: float = 10.0) -> Command:
    """Run ``module`` with the interpreter that runs the agent."""
    return Command(
        argv=(sys.executable, "-m", module, "--config", str(config)),
        env=ENVIRONMENT,
        stop_timeout_s=stop_timeout_s,
    )


def own_folder(path: Path, account: Account, mode: int = 0o700) -> None:
    """Create ``path`` if it is missing; set its mode, and as root its owner."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    own(path, account)


def own(path: Path, account: Account) -> None:
    """Give ``path`` to ``account``, where we may."""
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid)


PROBE_TIMEOUT_S: Final = 3.0


async def ask_ready(listening: Endpoint) -> None:
    """Ask the program whose operations port this is whether it does its work.

    Raises:
        ProbeFailed: it does not answer.
        NotReady: it answers that it cannot work now.
    """
    endpoint = reachable(listening)
    try:
        async with connect(endpoint, timeout_s=PROBE_TIMEOUT_S) as dialog:
            await dialog.send(f"GET /readyz HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n")
            status = await dialog.line()
    except OSError as error:
        raise ProbeFailed(f"no answer from http://{endpoint}/readyz: {error!r}") from error
    if " 200 " not in f"{status} ":
        raise NotReady(f"http://{endpoint}/readyz answered {status!r}")


def reachable(listening: Endpoint) -> Endpoint:
    """Where a probe on the same machine finds what listens there."""
    return Endpoint(LOOPBACK, listening.port) if listening.host == "all" else listening
