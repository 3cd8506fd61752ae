"""``python -m mailstack.tlspolicy --config FILE``: answer Postfix until told to stop."""

import asyncio
import sys
from pathlib import Path

import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.OPT
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TLSA
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA  # noqa: F401 - dnspython imports them by name, when there is no root

from mailstack.aio.http import HttpServer
from mailstack.aio.sockets import start_server
from mailstack.dns.ask import ask
from mailstack.outcome import Found, Outcome
from mailstack.program.run import execute, settle, told_to_stop, until
from mailstack.program.trust import trusting
from mailstack.tlspolicy.cache import Cache
from mailstack.tlspolicy.config import Config
from mailstack.tlspolicy.dane import Dane
from mailstack.tlspolicy.fetch import Fetcher
from mailstack.tlspolicy.policies import Policies
from mailstack.tlspolicy.server import Server
from mailstack.topology.stack import STACK

REFRESH_EVERY_S = 3600.0


def assemble(config: Config, cache: Cache) -> Policies:
    """Put together what answers.

    Raises:
        ConfigError: the authorities cannot be read.
    """

    async def texts(name: str) -> Outcome[tuple[str, ...]]:
        found = await ask(config.resolver, name, "TXT", recursive=True)
        return Found(found.value.data) if isinstance(found, Found) else found

    ports = STACK.internet_ports
    fetcher = Fetcher(config.resolver, trusting(config.ca_file), ports["https"])
    dane = Dane(config.resolver, ports["smtp"]) if config.dane else None
    return Policies(cache, texts, fetcher.fetch, dane.protects if dane else None)


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: a port cannot be had.
    """
    config = Config.read(file)
    cache = Cache(config.cache)
    policies = assemble(config, cache)
    server = Server(policies.look_up, lambda: len(cache))
    http = HttpServer(server.pages)
    postfix = await start_server(config.listen, server.serve)
    operations = await start_server(config.http, http.serve)
    settle(config)
    cache.load()
    async with postfix, operations:
        await until(told_to_stop(), _refresh(policies))


async def _refresh(policies: Policies) -> None:
    while True:
        await policies.refresh()
        await asyncio.sleep(REFRESH_EVERY_S)


def main() -> int:
    """Return the exit status."""
    return execute("tlspolicy", run)


if __name__ == "__main__":
    sys.exit(main())
