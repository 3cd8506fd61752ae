"""Serves MTA-STS policies: ``python policy_host.py ADDRESS PORT FOLDER``.

The folder has DOMAIN.txt and DOMAIN.pem. A process of its own, because it runs in another network
namespace than the test.
"""

import ssl
import sys
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, folder: Path, *arguments: object) -> None:
        self._folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        domain = self.headers["Host"].removeprefix("mta-sts.")
        body = (self._folder / f"{domain}.txt").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Who asked is no news."""


def _context(folder: Path) -> ssl.SSLContext:
    def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str, _: ssl.SSLContext) -> None:
        chosen = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chosen.load_cert_chain(folder / f"{name.removeprefix('mta-sts.')}.pem")
        connection.context = chosen

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = choose
    return context


def main() -> None:
    """Serve until killed; print a line when ready."""
    address, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    server = ThreadingHTTPServer((address, port), partial(_Handler, folder))
    server.socket = _context(folder).wrap_socket(server.socket, server_side=True)
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
    server.serve_forever()


if __name__ == "__main__":
    main()
