"""How the keeper is prepared, checked, run and probed. It works in the folders of spamd."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mailstack.daemons import program
from mailstack.daemons.contract import Command, Files, Overrides, Paths, Site, Version
from mailstack.daemons.spamassassin import DAEMON as SPAMD
from mailstack.daemons.spamassassin import users
from mailstack.daemons.spamkeeper import render
from mailstack.spamkeeper.config import Config


class SpamKeeper:
    """Keeps spamd's users in step with the datastore, by the contract of all daemons."""

    name = "spamkeeper"
    packages: Sequence[str] = (*SPAMD.packages, "gpg", "gpg-agent")
    """sa-update checks signatures with gpg, which SpamAssassin's package only recommends; where gpg
    is, that package imports a key while it is installed, and Debian 13 needs gpg-agent for it."""
    programs: Sequence[str] = ("sa-update", "spamassassin", "gpg")
    override_files: Sequence[str] = ()

    def version(self) -> Version:
        """SpamAssassin's: rules are kept for one release of it."""
        return SPAMD.version()

    def prepare(self, site: Site) -> None:
        """Make spamd's folders, in case spamd was not started yet."""
        users.prepare(replace(site, paths=Paths(site.paths.state, SPAMD.name)))

    def render(self, site: Site, overrides: Overrides) -> Files:
        """One file. There is nothing to override that is not a setting."""
        del overrides
        return render.render(site)

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Read the file as the service will."""
        del site, overrides
        Config.read(folder / render.FILE)

    def commands(self, site: Site) -> Sequence[Command]:
        return (program.command("mailstack.spamkeeper", site.paths.conf / render.FILE),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        """Always: it starts in an instant, and nobody waits for it meanwhile."""
        del old, new
        return True

    async def reload(self, site: Site, pid: int) -> None:
        """Never called, as every change needs a restart."""

    async def probe(self, site: Site) -> None:
        """Ask whether it does its work."""
        await program.ask_ready(site.addresses["spamkeeper.http"])
