"""How the web service is prepared, checked, run, reloaded and probed."""

import asyncio
from typing import Final

from mailstack.aio.tls import unverified
from mailstack.daemons import certificate, program
from mailstack.daemons.contract import ProbeFailed, Site
from mailstack.daemons.names import render
from mailstack.names.config import Config

PROBE_PATH: Final = "/.well-known/security.txt"


class Names(program.OwnProgram):
    """Well-known names of the domains, by the contract of all daemons."""

    name = "names"
    config = Config
    files = staticmethod(render.render)
    needs_restart = frozenset({"listen", "http", "api", "uid", "gid"})

    def prepare(self, site: Site) -> None:
        certificate.prepare(site)

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
