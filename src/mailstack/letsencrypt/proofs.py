"""How a name is proved by a page on port 80 (RFC 8555 8.3)."""

import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from mailstack.aio.files import replace_text
from mailstack.errors import ConfigError, MailstackError
from mailstack.letsencrypt.pages import PREFIX, TOKEN
from mailstack.topology.model import Endpoint

_REQUEST_S: Final = 5
_PRIVATE: Final = 0o600
_MAX_CLIENTS: Final = 32
"""At once; the authority looks from a handful of places, all others are passers-by."""

_log = logging.getLogger(__name__)


class Pages:
    """Answers by token, while an order runs. ``kind`` is that of ``order.Prover``."""

    kind = "http-01"

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def show(self, name: str, token: str, answer: str) -> None:
        del name
        self._answers[token] = answer

    def settle(self, answers: Mapping[str, str]) -> Mapping[str, str]:
        del answers  # they are there at once
        return {}

    def hide(self, name: str, token: str, answer: str) -> None:
        del name, answer
        self._answers.pop(token, None)

    def find(self, path: str) -> str | None:
        """Return the page at ``path``, if an order waits for it."""
        return self._answers.get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None


@dataclass(frozen=True, slots=True)
class WebRoot:
    """A file for each token, which the resident process serves (``pages.py``)."""

    folder: Path
    kind: str = "http-01"

    def show(self, name: str, token: str, answer: str) -> None:
        del name
        if not TOKEN.fullmatch(token):
            raise MailstackError("the authority's token is none")
        try:
            replace_text(self.folder / token, answer, mode=_PRIVATE)
        except OSError as error:
            raise MailstackError(f"the page cannot be written: {error.strerror}") from error

    def settle(self, answers: Mapping[str, str]) -> Mapping[str, str]:
        del answers  # they are there at once
        return {}

    def hide(self, name: str, token: str, answer: str) -> None:
        del name, answer
        (self.folder / token).unlink(missing_ok=True)


class _Server(ThreadingHTTPServer):
    """Both families where it listens everywhere: an authority takes IPv6 where a name has it."""

    def __init__(self, at: Endpoint, handler: type[BaseHTTPRequestHandler]) -> None:
        host = "::" if at.host == "all" and socket.has_dualstack_ipv6() else at.host
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._free = threading.Semaphore(_MAX_CLIENTS)
        super().__init__(("" if host == "all" else host, at.port), handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - theirs
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


@contextmanager
def serving(pages: Pages, at: Endpoint) -> Iterator[None]:
    """Serve ``pages`` in threads; a client that is silent for five seconds is hung up on.

    Raises:
        ConfigError: the port cannot be had.
    """

    class Page(BaseHTTPRequestHandler):
        timeout = _REQUEST_S

        def do_GET(self) -> None:
            found = pages.find(self.path)
            body = (found or "").encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            _log.debug(format, *args)

    try:
        server = _Server(at, Page)
    except OSError as error:
        raise ConfigError(
            f"port {at.port} cannot be had for the proof of names: {error.strerror}",
            advice='stop what listens there, or set acme.challenge = "dns-01"',
        ) from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
