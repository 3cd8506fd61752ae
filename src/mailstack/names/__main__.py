"""``python -m mailstack.names --config FILE``: serve port 443 until told to stop."""

import sys
from pathlib import Path
from typing import Final

from mailstack.aio.http import HttpServer
from mailstack.aio.sockets import start_server
from mailstack.names.config import Config
from mailstack.names.service import Service
from mailstack.program.config import secret
from mailstack.program.run import execute, settle, told_to_stop

MAX_CONNECTIONS: Final = 64
"""At once, of all clients. One under TLS takes some 0.3 MiB, for a second as a rule."""


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT; read ``file`` and the certificate anew at SIGHUP.

    Raises:
        ConfigError: the file is not what is rendered, or the token cannot be read.
        OSError: a port cannot be had.
    """
    config = Config.read(file)
    service = Service(config, secret(config.token_file))
    public = HttpServer(
        service.answer,
        max_connections=MAX_CONNECTIONS,
        tls=service.tls,
        clients=service.clients,
    )
    web = await start_server(config.listen, public.serve)
    operations = await start_server(config.http, HttpServer(service.pages).serve)
    settle(config)
    async with web, operations:
        await told_to_stop(lambda: service.reload(Config.read(file))).wait()


def main() -> int:
    """Return the exit status."""
    return execute("names", run)


if __name__ == "__main__":
    sys.exit(main())
