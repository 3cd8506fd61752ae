"""How the trainer is prepared, checked, run and probed."""

from collections.abc import Sequence
from pathlib import Path

from mailstack.aio.dialog import connect
from mailstack.daemons import certificate, program
from mailstack.daemons.contract import Command, Files, Overrides, ProbeFailed, Site, Version
from mailstack.daemons.trainer import render
from mailstack.trainer.config import Config

PROBE_TIMEOUT_S = 3.0


class Trainer:
    """Learns from the users' mail, by the contract of all daemons."""

    name = "trainer"
    packages: Sequence[str] = ()
    programs: Sequence[str] = ()
    override_files: Sequence[str] = ()

    def version(self) -> Version:
        return program.VERSION

    def prepare(self, site: Site) -> None:
        """Make the ledger's folder, and have the certificate that Dovecot shows."""
        program.own_folder(render.ledger(site).parent, site.account)
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
        return (program.command("mailstack.trainer", site.paths.conf / render.FILE),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        """Always: a run that is broken off by it goes on afterwards."""
        del old, new
        return True

    async def reload(self, site: Site, pid: int) -> None:
        """Nothing, see ``restart_needed``."""

    async def probe(self, site: Site) -> None:
        """Ask whether it is ready."""
        endpoint = program.reachable(site.addresses["trainer.http"])
        try:
            async with connect(endpoint, timeout_s=PROBE_TIMEOUT_S) as dialog:
                await dialog.send(f"GET /readyz HTTP/1.1\r\nHost: {endpoint}\r\n")
                status = await dialog.line()
        except OSError as error:
            raise ProbeFailed(f"the trainer at {endpoint} does not answer: {error!r}") from error
        if " 200 " not in f"{status} ":
            raise ProbeFailed(f"the trainer is not ready: {status!r}")
