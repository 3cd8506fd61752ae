"""``python -m mailstack.managesieve --config FILE``: serve port 4190 until told to stop."""

import argparse
import asyncio
import concurrent.futures.thread  # noqa: F401 - needed after root is given up
import encodings.idna  # noqa: F401 - likewise, for names of hosts
import logging
import signal
import ssl
import sys
from pathlib import Path

from mailstack.aio.http import HttpServer
from mailstack.aio.privileges import drop
from mailstack.client import Client, TcpTransport
from mailstack.daemons.dovecot.sieve import compile_script
from mailstack.errors import ConfigError, MailstackError
from mailstack.managesieve.authenticate import DovecotLogin
from mailstack.managesieve.config import Config
from mailstack.managesieve.metrics import SieveMetrics
from mailstack.managesieve.server import Server
from mailstack.managesieve.session import Backends, Session
from mailstack.managesieve.stored import StoredScripts
from mailstack.observe import log

_log = logging.getLogger("mailstack.managesieve")

GRACE_S = 5.0
"""For the commands that run when told to stop."""


class Service:
    """The server, and what a reload exchanges under it: the certificate and the limits."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._token = config.token_file.read_text().strip()
        self._tls = _tls(config)
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
        self._tls = _tls(config)
        self._config = config

    def _session(self) -> Session:
        client = Client(TcpTransport(self._config.api, self._token))
        backends = Backends(
            authenticate=DovecotLogin(self._config.sasl),
            compile=compile_script,
            scripts_of=lambda owner: StoredScripts(client, owner),
            extensions=self._config.extensions,
        )
        return Session(backends, self._config.limits)


def _tls(config: Config) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.certificate, config.key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"certificate or key: {error}", file=config.certificate) from error
    return context


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT; read ``file`` and the certificate anew at SIGHUP.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: a port cannot be had.
    """
    config = Config.read(file)
    service = Service(config)
    await service.server.start(config.listen)
    operations = await asyncio.start_server(
        HttpServer(service.metrics.pages).serve,
        None if config.http.host == "all" else config.http.host,
        config.http.port,
    )
    drop(config.uid, config.gid)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, service, file)
    await stop.wait()
    await service.server.stop(GRACE_S)
    operations.close()


def _reload(service: Service, file: Path) -> None:
    try:
        service.reload(Config.read(file))
    except ConfigError as error:
        _log.error("goes on as before: %s", error)
    else:
        _log.info("reads its configuration anew")


def main() -> int:
    """Parse the arguments, run. The exit status is 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="mailstack.managesieve", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    arguments = parser.parse_args()
    log.configure()
    try:
        asyncio.run(run(arguments.config))
    except (MailstackError, OSError) as error:
        sys.stderr.write(f"managesieve: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
