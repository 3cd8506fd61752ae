"""``python -m mailstack.managesieve --config FILE``: serve port 4190 until told to stop."""

import sys
from pathlib import Path

from mailstack.aio.http import HttpServer
from mailstack.aio.sockets import start_server
from mailstack.aio.tls import server_context
from mailstack.client import Client, TcpTransport
from mailstack.daemons.dovecot.sieve import compile_script
from mailstack.managesieve.authenticate import DovecotLogin
from mailstack.managesieve.config import Config
from mailstack.managesieve.metrics import SieveMetrics
from mailstack.managesieve.server import Server
from mailstack.managesieve.session import Backends, Session
from mailstack.managesieve.stored import StoredScripts
from mailstack.program.config import secret
from mailstack.program.run import execute, settle, told_to_stop

GRACE_S = 5.0
"""For the commands that run when told to stop."""


class Service:
    """The server, and what a reload exchanges under it: the certificate and the limits."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._token = secret(config.token_file)
        self._tls = server_context(config.certificate, config.key)
        self.metrics = SieveMetrics()
        # The limit of one literal cannot be less than a script that was allowed before.
        self.server = Server(
            self._session,
            lambda: self._tls,
            self.metrics,
            max_literal=config.limits.script_octets,
        )

    def reload(self, config: Config) -> None:
        """Sessions that are open go on with what they began with.

        Raises:
            ConfigError: certificate and key cannot be used; nothing has changed.
        """
        self._tls = server_context(config.certificate, config.key)
        self._config = config

    def _session(self, address: str) -> Session:
        client = Client(TcpTransport(self._config.api, self._token))
        backends = Backends(
            authenticate=DovecotLogin(self._config.sasl),
            compile=compile_script,
            scripts_of=lambda owner: StoredScripts(client, owner),
            extensions=self._config.extensions,
        )
        return Session(backends, self._config.limits, address=address)


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT; read ``file`` and the certificate anew at SIGHUP.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: a port cannot be had.
    """
    config = Config.read(file)
    service = Service(config)
    await service.server.start(config.listen)
    if config.balanced is not None:
        await service.server.start_balanced(config.balanced, config.proxy_networks)
    operations = await start_server(config.http, HttpServer(service.metrics.pages).serve)
    settle(config)
    async with operations:
        await told_to_stop(lambda: service.reload(Config.read(file))).wait()
        await service.server.stop(GRACE_S)


def main() -> int:
    """Return the exit status."""
    return execute("managesieve", run)


if __name__ == "__main__":
    sys.exit(main())
