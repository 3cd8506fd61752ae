"""How the service is prepared, checked, run and probed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mailstack.aio.dialog import connect
from mailstack.daemons import program
from mailstack.daemons.contract import (
    Command,
    Files,
    Overrides,
    ProbeFailed,
    Site,
    Version,
)
from mailstack.daemons.tlspolicy import render
from mailstack.protocols import netstring, socketmap
from mailstack.tlspolicy.config import Config

PROBE_KEY: Final = b"[probe]"
"""No domain, so it is answered without asking anybody."""


class TlsPolicy:
    """How sure outgoing mail must be of the server, by the contract of all daemons."""

    name = "tlspolicy"
    packages: Sequence[str] = ("ca-certificates",)
    programs: Sequence[str] = ("update-ca-certificates",)
    override_files: Sequence[str] = ()

    def version(self) -> Version:
        return program.VERSION

    def prepare(self, site: Site) -> None:
        """Make the folder of the policies."""
        program.own_folder(site.paths.data / "policies", site.account)

    def render(self, site: Site, overrides: Overrides) -> Files:
        """One file. There is nothing to override that is not a setting."""
        del overrides
        return render.render(site)

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Read the file as the service will."""
        del site, overrides
        Config.read(folder / render.FILE)

    def commands(self, site: Site) -> Sequence[Command]:
        return (program.command("mailstack.tlspolicy", site.paths.conf / render.FILE),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        """It starts at once and keeps what it knows on disk."""
        return old != new

    async def reload(self, site: Site, pid: int) -> None:
        """There is nothing that a running one could read anew."""
        del site, pid

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
