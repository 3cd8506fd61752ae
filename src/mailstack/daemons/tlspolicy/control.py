"""How the service is prepared, checked, run and probed."""

from collections.abc import Sequence
from typing import Final

from mailstack.aio.dialog import connect
from mailstack.daemons import program
from mailstack.daemons.contract import ProbeFailed, Site
from mailstack.daemons.tlspolicy import render
from mailstack.protocols import netstring, socketmap
from mailstack.tlspolicy.config import Config

PROBE_KEY: Final = b"[probe]"
"""No domain, so it is answered without asking anybody."""


class TlsPolicy(program.OwnProgram):
    """How sure outgoing mail must be of the server, by the contract of all daemons."""

    name = "tlspolicy"
    config = Config
    files = staticmethod(render.render)
    packages: Sequence[str] = ("ca-certificates",)
    programs: Sequence[str] = ("update-ca-certificates",)

    def prepare(self, site: Site) -> None:
        """Make the folder of the policies."""
        program.own_folder(site.paths.data / "policies", site.account)

    async def probe(self, site: Site) -> None:
        """Ask as Postfix would, for what no domain is."""
        endpoint = program.reachable(site.addresses["tlspolicy.policy"])
        try:
            async with connect(endpoint, timeout_s=program.PROBE_TIMEOUT_S) as dialog:
                await dialog.send_raw(netstring.encode(b"tlspolicy " + PROBE_KEY))
                said = await dialog.reader.readexactly(len(socketmap.NOT_FOUND))
        except (OSError, EOFError) as error:
            raise ProbeFailed(f"tlspolicy at {endpoint} does not answer: {error!r}") from error
        if said != socketmap.NOT_FOUND:
            raise ProbeFailed(f"tlspolicy at {endpoint} answers {said!r}")
