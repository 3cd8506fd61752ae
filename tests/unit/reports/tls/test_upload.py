"""A report is put onto a server that asks for it by HTTPS, and shows a valid certificate."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from mailstack.demo.keys import self_signed
from mailstack.reports.tls import upload
from mailstack.reports.tls.destinations import Destination
from mailstack.reports.tls.upload import Uploader

HOST = "in.a.example"
WHERE = Destination("https", f"https://{HOST}/v1?x=1", HOST, "/v1?x=1")
LOOPBACK = "127.0.0.1"


class _Handler(BaseHTTPRequestHandler):
    """Answers with ``status``, and keeps what it got."""

    status: ClassVar[int] = 200
    got: ClassVar[list[tuple[str, str, str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, self.headers["Host"], self.headers["Content-Type"], body))
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Who asked is no news."""


@contextmanager
def serving(folder: Path, status: int, host: str = HOST) -> Iterator[Uploader]:
    """Run a server; what would put a report onto it."""
    pem = folder / "pem"
    pem.write_bytes(self_signed(host))
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    _Handler.status = status
    _Handler.got.clear()
    with HTTPServer((LOOPBACK, 0), _Handler) as server:
        server.socket = theirs.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who breaks off
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            ours = ssl.create_default_context(cafile=pem)
            yield Uploader(lambda _: [LOOPBACK], ours, server.server_port)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "sent"),
        (201, "sent"),
        (301, "refused: 301 Moved Permanently"),
        (404, "refused: 404 Not Found"),
        (429, ""),
        (503, ""),
    ],
)
def test_what_the_server_says(tmp_path: Path, status: int, outcome: str) -> None:
    """Taken, refused for good, or later."""
    with serving(tmp_path, status) as uploader:
        assert uploader.upload(WHERE, b"packed") == outcome
        assert _Handler.got == [("/v1?x=1", HOST, "application/tlsrpt+gzip", b"packed")]


def test_a_server_that_is_another(tmp_path: Path) -> None:
    """Nothing is sent to whom the name in the record does not prove."""
    with (
        serving(tmp_path, 200, "other.example") as uploader,
        pytest.raises(OSError, match="certificate"),
    ):
        uploader.upload(WHERE, b"packed")
    assert not _Handler.got


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address, or nobody who answers at one: it is tried again."""
    monkeypatch.setattr(upload, "TIMEOUT_S", 5.0)
    with serving(tmp_path, 200) as uploader:
        pass
    with pytest.raises(OSError, match="refused"):
        uploader.upload(WHERE, b"packed")
    nowhere = Uploader(lambda _: [], uploader.tls, uploader.port)
    with pytest.raises(OSError, match="no address"):
        nowhere.upload(WHERE, b"packed")
