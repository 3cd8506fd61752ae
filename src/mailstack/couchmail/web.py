"""Serves the HTTP API with uvicorn: one server on the TCP port and on the unix socket.

Everything uvicorn would import by name later is imported here, before the process gives up root.
"""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
import uvicorn.lifespan.off
from starlette.types import ASGIApp

from mailstack.couchmail.api.access import PeerProtocol

SOCKET_MODE = 0o600
MAX_REQUESTS = 256
"""At once; uvicorn answers 503 beyond. Long polls of agents and caches are some ten of them."""
MAX_HEADER_OCTETS = 16 * 1024


class Server(uvicorn.Server):
    """Leaves signals to the service, which stops the lookup ports first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(app: ASGIApp, grace_s: float) -> Server:
    """Prepare a server; ``await server.serve(sockets=…)`` runs it until ``should_exit`` is set."""
    config = uvicorn.Config(
        app,
        http=PeerProtocol,
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_REQUESTS,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=max(1, int(grace_s)),
        h11_max_incomplete_event_size=MAX_HEADER_OCTETS,
    )
    config.load()
    return Server(config)


def unix_socket(path: Path) -> socket.socket:
    """Listen on a unix socket; what a former process left at its place goes.

    Raises:
        OSError: the folder does not allow it.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(SOCKET_MODE)
    listener.listen(128)
    return listener
