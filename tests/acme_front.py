"""A front of an ACME authority that refuses when it is told to, and passes on everything else.

Pebble cannot be told to limit rates or to fail inside. It makes addresses of the Host field, so
clients of the front stay with the front.
"""

import http.client
import json
import secrets
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.authority import leaf_for
from tests.pebble import Pebble

ERROR = "urn:ietf:params:acme:error:"
PASSED_ON = ("Content-Type", "Replay-Nonce", "Location", "Retry-After", "Link")
NEW_ORDER, ORDER, FINALIZE = "/order-plz", "/my-order/", "/finalize-order/"
"""Paths of Pebble."""


@dataclass(frozen=True)
class Refusal:
    """One answer in place of the authority's."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(kind: str, detail: str, status: int = 403, **headers: str) -> Refusal:
    """A problem document (RFC 8555 6.7)."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refusal(status, {"type": f"{ERROR}{kind}", "detail": detail}, fields)


@dataclass
class Front:
    directory: str
    ca_file: Path
    behind: Pebble
    refusals: dict[str, list[Refusal]] = field(default_factory=dict)
    """Beginning of a path → what the next requests there are answered with."""
    asked: list[str] = field(default_factory=list)

    def take(self, path: str) -> Refusal | None:
        for beginning, waiting in self.refusals.items():
            if path.startswith(beginning) and waiting:
                return waiting.pop(0)
        return None


@contextmanager
def front(behind: Pebble, folder: Path) -> Iterator[Front]:
    """Run it before ``behind``; its files lie in ``folder``."""
    root, certificate, key = leaf_for("localhost")
    for name, data in (("ca.pem", root), ("cert.pem", certificate), ("key.pem", key)):
        (folder / name).write_bytes(data)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    at = f"https://localhost:{server.server_address[1]}/dir"
    made = Front(at, folder / "ca.pem", behind)
    server.RequestHandlerClass = _handler(made)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(made: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do()

        def do_HEAD(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.asked.append(self.path)
            refusal = made.take(self.path)
            if refusal is None:
                self._pass_on(body)
                return
            nonce = {"Replay-Nonce": secrets.token_urlsafe(16)}
            kind = "json" if refusal.status == 200 else "problem+json"
            headers = {"Content-Type": f"application/{kind}", **nonce, **refusal.headers}
            self._answer(refusal.status, headers.items(), json.dumps(refusal.body).encode())

        def _pass_on(self, body: bytes) -> None:
            at = urlsplit(made.behind.directory)
            trusted = ssl.create_default_context(cafile=made.behind.ca_file)
            peer = http.client.HTTPSConnection(at.netloc, timeout=60, context=trusted)
            try:
                peer.request(self.command, self.path, body or None, dict(self.headers))
                answer = peer.getresponse()
                found = answer.read()
            finally:
                peer.close()
            headers = [(n, v) for n in PASSED_ON for v in answer.headers.get_all(n, [])]
            self._answer(answer.status, headers, found)

        def _answer(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    return Handler
