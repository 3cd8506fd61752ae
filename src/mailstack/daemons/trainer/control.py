"""How the trainer is prepared, checked, run and probed."""

from mailstack.daemons import certificate, program
from mailstack.daemons.contract import Site
from mailstack.daemons.trainer import render
from mailstack.trainer.config import Config


class Trainer(program.OwnProgram):
    """Learns from the users' mail, by the contract of all daemons."""

    name = "trainer"
    config = Config
    files = staticmethod(render.render)

    def prepare(self, site: Site) -> None:
        """Make the ledger's folder, and have the certificate that Dovecot shows."""
        program.own_folder(render.ledger(site).parent, site.account)
        certificate.prepare(site)

    async def probe(self, site: Site) -> None:
        """Ask whether it is ready."""
        await program.ask_ready(site.addresses["trainer.http"])
