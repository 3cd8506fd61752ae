"""How the ManageSieve service is prepared, checked, run, reloaded and probed."""

import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from mailstack.aio.dialog import connect
from mailstack.aio.tls import unverified
from mailstack.daemons import certificate, program
from mailstack.daemons.contract import (
    Command,
    Files,
    Overrides,
    ProbeFailed,
    Site,
    Version,
)
from mailstack.daemons.managesieve import render
from mailstack.managesieve.config import Config

NEEDS_RESTART: Final = frozenset({"listen", "http", "uid", "gid"})
"""What cannot change in a running process."""


class ManageSieve:
    """Sieve scripts for mail clients, by the contract of all daemons."""

    name = "managesieve"
    packages: Sequence[str] = ("dovecot-sieve",)
    programs: Sequence[str] = ("sievec",)
    override_files: Sequence[str] = ()

    def version(self) -> Version:
        return program.VERSION

    def prepare(self, site: Site) -> None:
        certificate.prepare(site)

    def render(self, site: Site, overrides: Overrides) -> Files:
        """One file. There is nothing to override that is not a setting."""
        del overrides
        return render.render(site)

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Read the file as the service will."""
        del site, overrides
        Config.read(folder / render.FILE)

    def commands(self, site: Site) -> Sequence[Command]:
        return (program.command("mailstack.managesieve", site.paths.conf / render.FILE),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        before, after = json.loads(old[render.FILE]), json.loads(new[render.FILE])
        return any(before.get(name) != after.get(name) for name in NEEDS_RESTART)

    async def reload(self, site: Site, pid: int) -> None:
        """Open sessions go on; the next STARTTLS shows the certificate that is there now."""
        del site
        os.kill(pid, signal.SIGHUP)

    async def probe(self, site: Site) -> None:
        """Read the greeting, and bring TLS up as a client would."""
        endpoint = program.reachable(site.addresses["managesieve.managesieve"])
        try:
            async with connect(endpoint, timeout_s=3) as dialog:
                await _ready(dialog.line)
                await dialog.send("STARTTLS")
                await _ready(dialog.line)
                await dialog.writer.start_tls(unverified())
                await _ready(dialog.line)
                await dialog.send("LOGOUT")
        except OSError as error:
            raise ProbeFailed(f"ManageSieve at {endpoint} does not answer: {error!r}") from error


async def _ready(line: Callable[[], Awaitable[str]]) -> None:
    """Read capabilities up to the OK that ends them."""
    for _ in range(20):
        said = await line()
        if said.startswith("OK"):
            return
        if said.startswith(("NO", "BYE")):
            raise ProbeFailed(f"ManageSieve says {said!r}")
    raise ProbeFailed("ManageSieve's greeting has no end")
