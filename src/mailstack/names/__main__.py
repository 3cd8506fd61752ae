"""``python -m mailstack.names --config FILE``: serve port 443 until told to stop."""

import argparse
import asyncio
import encodings.idna  # noqa: F401 - needed for names of hosts after root is given up
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from mailstack.aio.http import HttpServer
from mailstack.aio.privileges import drop
from mailstack.errors import ConfigError, MailstackError
from mailstack.names.config import Config
from mailstack.names.service import Service
from mailstack.observe import log
from mailstack.topology.model import Endpoint

MAX_CONNECTIONS: Final = 64
"""At once, of all clients. One under TLS takes some 0.3 MiB, for a second as a rule."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_log = logging.getLogger("mailstack.names")


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT; read ``file`` and the certificate anew at SIGHUP.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: a port cannot be had, or the token cannot be read.
    """
    config = Config.read(file)
    service = Service(config, config.token_file.read_text().strip())
    public = HttpServer(service.answer, max_connections=MAX_CONNECTIONS, tls=service.tls)
    web = await _listen(config.listen, public.serve)
    operations = await _listen(config.http, HttpServer(service.pages).serve)
    drop(config.uid, config.gid)
    gc.freeze()  # what is imported stays: the collector need not look at it each time
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, partial(_reload, service, file))
    async with web, operations:
        await stop.wait()


async def _listen(at: Endpoint, serve: Serve) -> asyncio.Server:
    return await asyncio.start_server(serve, None if at.host == "all" else at.host, at.port)


def _reload(service: Service, file: Path) -> None:
    try:
        service.reload(Config.read(file))
    except ConfigError as error:
        _log.error("goes on as before: %s", error)
    else:
        _log.info("reads its configuration anew")


def main() -> int:
    """Parse the arguments, run. The exit status is 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="mailstack.names", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    arguments = parser.parse_args()
    log.configure()
    try:
        asyncio.run(run(arguments.config))
    except (MailstackError, OSError) as error:
        sys.stderr.write(f"names: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
