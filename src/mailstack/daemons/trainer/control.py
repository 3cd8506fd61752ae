"""How the trainer is prepared, checked, run and probed."""

from collections.abc import Sequence
from pathlib import Path

from mailstack.daemons import certificate, program
from mailstack.daemons.contract import Command, Files, Overrides, Site, Version
from mailstack.daemons.trainer import render
from mailstack.trainer.config import Config


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
        await program.ask_ready(site.addresses["trainer.http"])
