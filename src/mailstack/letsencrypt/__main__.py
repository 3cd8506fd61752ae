"""``python -m mailstack.letsencrypt --config FILE``: keep the certificate in order, serve port 80.

Small, because it lives for months for a minute of work: whatever an order needs is imported by the
process that does one (``run.py``).
"""

import asyncio
import hashlib
import sys
from collections.abc import Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Never

from mailstack.aio.http import HttpServer
from mailstack.aio.sockets import start_server
from mailstack.feed import Reader
from mailstack.letsencrypt.attend import ask
from mailstack.letsencrypt.config import Config
from mailstack.letsencrypt.domains import watch
from mailstack.letsencrypt.keeper import Keeper
from mailstack.letsencrypt.names import MAX_NAMES, names_of
from mailstack.letsencrypt.operations import Operations
from mailstack.letsencrypt.pages import PublicPages
from mailstack.letsencrypt.plan import DAY_S, load
from mailstack.program.config import secret
from mailstack.program.run import execute, settle, told_to_stop, until

MAX_CONNECTIONS: Final = 128
"""Of the public port at once. The authority looks from a handful of places; all others are
passers-by, who are hung up on after five silent seconds."""
PLAN: Final = "plan.json"


class Names:
    """Turns domains into names of the certificate, as many as one holds."""

    def __init__(self, config: Config, keeper: Keeper) -> None:
        self._config = config
        self._keeper = keeper
        self.left_out = 0

    def tell(self, domains: Sequence[str]) -> None:
        primary = self._config.domain
        names = names_of(self._config.hostname, [primary, *domains], primary)
        self.left_out = len(names[MAX_NAMES:])
        self._keeper.hold(names[:MAX_NAMES])


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is not what is rendered, or the token cannot be read.
        OSError: a port cannot be had.
    """
    config = Config.read(file)
    token = secret(config.token_file)
    plan = load(config.kept / PLAN)
    plan.begin(_digest(file))
    certificate = config.tls / "fullchain.pem"
    if certificate.is_file():
        plan.look_s = DAY_S  # a change of the file is seen; one of a Secret is not
    keeper = Keeper(partial(ask, config.errands), plan, config.kept / PLAN, certificate)
    names = Names(config, keeper)
    pages = PublicPages(config.pages, config.hostname, config.port_offset)
    operations = Operations(keeper, pages, token, lambda: names.left_out)
    public = HttpServer(pages.answer, max_connections=MAX_CONNECTIONS)
    web = await start_server(config.listen, public.serve)
    http = await start_server(config.http, HttpServer(operations.answer).serve)
    settle(config)
    async with web, http:
        await until(told_to_stop(), _work(keeper, watch(Reader(config.api, token), names.tell)))


async def _work(keeper: Keeper, watching: Coroutine[Any, Any, Never]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keeper.run())
        tasks.create_task(watching)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> int:
    """Return the exit status."""
    return execute("letsencrypt", run)


if __name__ == "__main__":
    sys.exit(main())
