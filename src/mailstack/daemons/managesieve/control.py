"""How the ManageSieve service is prepared, checked, run, reloaded and probed."""

from collections.abc import Awaitable, Callable, Sequence

from mailstack.aio.dialog import connect
from mailstack.aio.tls import unverified
from mailstack.daemons import certificate, program
from mailstack.daemons.contract import ProbeFailed, Site
from mailstack.daemons.managesieve import render
from mailstack.managesieve.config import Config


class ManageSieve(program.OwnProgram):
    """Sieve scripts for mail clients, by the contract of all daemons."""

    name = "managesieve"
    config = Config
    files = staticmethod(render.render)
    needs_restart = frozenset({"listen", "balanced", "proxy_networks", "http", "uid", "gid"})
    packages: Sequence[str] = ("dovecot-sieve",)
    programs: Sequence[str] = ("sievec",)

    def prepare(self, site: Site) -> None:
        certificate.prepare(site)

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
