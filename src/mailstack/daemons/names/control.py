"""How the web service is prepared, checked, run, reloaded and probed."""

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

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
from mailstack.daemons.names import render
from mailstack.names.config import Config

NEEDS_RESTART: Final = frozenset({"listen", "http", "api", "uid", "gid"})
"""What cannot change in a running process."""
PROBE_PATH: Final = "/.well-known/security.txt"


class Names:
    """Well-known names of the domains, by the contract of all daemons."""

    name = "names"
    packages: Sequence[str] = ()
    programs: Sequence[str] = ()
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
        return (program.command("mailstack.names", site.paths.conf / render.FILE),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        before, after = json.loads(old[render.FILE]), json.loads(new[render.FILE])
        return any(before.get(name) != after.get(name) for name in NEEDS_RESTART)

    async def reload(self, site: Site, pid: int) -> None:
        """The next connection is shown the certificate that is there now."""
        del site
        os.kill(pid, signal.SIGHUP)

    async def probe(self, site: Site) -> None:
        """Get a page over TLS, and ask whether what is told there is true."""
        endpoint = program.reachable(site.addresses["names.https"])
        request = f"GET {PROBE_PATH} HTTP/1.0\r\nHost: {site.settings.hostname}\r\n\r\n"
        try:
            async with asyncio.timeout(program.PROBE_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(
                    endpoint.host, endpoint.port, ssl=unverified()
                )
                writer.write(request.encode())
                status = await reader.readline()
                writer.close()
        except OSError as error:  # TimeoutError and ssl.SSLError are some
            raise ProbeFailed(f"https://{endpoint} does not answer: {error!r}") from error
        if b" 200 " not in status and b" 503 " not in status:
            raise ProbeFailed(f"https://{endpoint}{PROBE_PATH} answers {status!r}")
        await program.ask_ready(site.addresses["names.http"])
