"""What the packages of our own programs have in common: one JSON file, one process.

Such a program is always installed, its checker is its own loader, and it starts as root where the
agent is root, because it must import itself from wherever that is; then it becomes its account.
"""

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import mailstack
from mailstack.aio.dialog import Dialog, connect
from mailstack.daemons.contract import (
    Account,
    Command,
    Files,
    NotReady,
    Overrides,
    ProbeFailed,
    Site,
    Version,
)
from mailstack.program.config import Rendered
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


def json_file(name: str, fields: Mapping[str, object]) -> Files:
    """Render a program's one file, as ``Rendered`` reads it."""
    return {name: json.dumps(fields, indent=2, default=_plain) + "\n"}


def _plain(value: object) -> object:
    if isinstance(value, Endpoint):
        return [value.host, value.port]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} cannot be rendered")


class OwnProgram:
    """What such a daemon does alike. Its package says what to prepare and how to probe."""

    name: str
    config: type[Rendered]
    files: Callable[[Site], Files]
    """Renders ``NAME.json``. There is nothing to override that is not a setting."""
    packages: Sequence[str] = ()
    programs: Sequence[str] = ()
    override_files: Sequence[str] = ()
    needs_restart: frozenset[str] | None = None
    """Fields that cannot change in a running process; the others are read at SIGHUP. None: all."""
    stop_timeout_s = 10.0

    def version(self) -> Version:
        return VERSION

    def render(self, site: Site, overrides: Overrides) -> Files:
        del overrides
        return self.files(site)

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Read the file as the program will."""
        del site, overrides
        self.config.read(folder / self._file)

    def commands(self, site: Site) -> Sequence[Command]:
        config = site.paths.conf / self._file
        return (command(f"mailstack.{self.name}", config, stop_timeout_s=self.stop_timeout_s),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        if self.needs_restart is None:
            return old != new
        before, after = json.loads(old[self._file]), json.loads(new[self._file])
        return any(before.get(name) != after.get(name) for name in self.needs_restart)

    async def reload(self, site: Site, pid: int) -> None:
        """What is open goes on by the old file and certificate; what comes, by the new ones."""
        del site
        if self.needs_restart is not None:
            os.kill(pid, signal.SIGHUP)

    @property
    def _file(self) -> str:
        return f"{self.name}.json"


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
_MAX_FIELDS: Final = 50
"""Of the head of an answer that a program of ours gives: some five."""


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
            is_ready = " 200 " in f"{status} "
            words = "" if is_ready else await _words(dialog)
    except OSError as error:
        raise ProbeFailed(f"no answer from http://{endpoint}/readyz: {error!r}") from error
    if not is_ready:
        raise NotReady(words or f"http://{endpoint}/readyz answered {status!r}")


async def _words(dialog: Dialog) -> str:
    """The first line of an answer's body, which says why; empty where there is none."""
    with suppress(OSError):
        for _ in range(_MAX_FIELDS):
            if not await dialog.line():
                return await dialog.line()
    return ""


def reachable(listening: Endpoint) -> Endpoint:
    """Where a probe on the same machine finds what listens there."""
    return Endpoint(LOOPBACK, listening.port) if listening.host == "all" else listening
