"""How the keeper is prepared, checked, run and probed. It works in the folders of spamd."""

from collections.abc import Sequence
from dataclasses import replace

from mailstack.daemons import program
from mailstack.daemons.contract import Paths, Site, Version
from mailstack.daemons.spamassassin import DAEMON as SPAMD
from mailstack.daemons.spamassassin import users
from mailstack.daemons.spamkeeper import render
from mailstack.spamkeeper.config import Config


class SpamKeeper(program.OwnProgram):
    """Keeps spamd's users in step with the datastore, by the contract of all daemons."""

    name = "spamkeeper"
    config = Config
    files = staticmethod(render.render)
    packages: Sequence[str] = (*SPAMD.packages, "gpg", "gpg-agent")
    """sa-update checks signatures with gpg, which SpamAssassin's package only recommends; where gpg
    is, that package imports a key while it is installed, and Debian 13 needs gpg-agent for it."""
    programs: Sequence[str] = ("sa-update", "spamassassin", "gpg")

    def version(self) -> Version:
        """SpamAssassin's: rules are kept for one release of it."""
        return SPAMD.version()

    def prepare(self, site: Site) -> None:
        """Make spamd's folders, in case spamd was not started yet."""
        users.prepare(replace(site, paths=Paths(site.paths.state, SPAMD.name)))

    async def probe(self, site: Site) -> None:
        """Ask whether it does its work."""
        await program.ask_ready(site.addresses["spamkeeper.http"])
