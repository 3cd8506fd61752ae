"""A fake API server of Kubernetes: one namespace, one Secret, TLS, a token, and what may fail.

It knows GET and strategic merge patches of Secrets as the real one does them: a ``resourceVersion``
that is not the newest is a conflict, ``data`` is merged key by key, a null removes one. Events may
be made, and nothing else be done with them.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.authority import leaf_for

from mailstack.topology.model import Endpoint

NAMESPACE, NAME = "mail", "mailstack-tls"
EVENTS = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
PATCH = "application/strategic-merge-patch+json"


@dataclass
class ApiServer:
    """What it holds, and what it shall answer."""

    account: Path
    """As the kubelet mounts it."""
    port: int = 0
    secret: dict[str, Any] | None = None
    token: str = "first"
    failures: list[int] = field(default_factory=list)
    """Statuses that the next requests are answered with; 0: not at all."""
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Method and status of each request."""
    refuse_patches: bool = False
    """With 500, each of them."""
    events: dict[str, Any] = field(default_factory=dict)
    """Name → Event."""
    lost_answers: int = 0
    """So many of the next Events are made, and nobody is told."""
    before_patch: Callable[[], None] = lambda: None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("localhost", self.port)

    def rotate(self, token: str) -> None:
        """As the kubelet does each hour."""
        self.token = token
        (self.account / "token").write_text(token)

    def put(self, **data: str) -> None:
        """Write the Secret, as somebody else would."""
        version = int(self.secret["metadata"]["resourceVersion"]) + 1 if self.secret else 1
        metadata = {"name": NAME, "namespace": NAMESPACE, "resourceVersion": str(version)}
        self.secret = {"kind": "Secret", "metadata": metadata, "data": data, "immutable": False}

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any]:  # noqa: ANN401
        if headers["Authorization"] != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        if (method, path) == ("POST", EVENTS):
            return self._make_event(json.loads(body))
        if path != f"/api/v1/namespaces/{NAMESPACE}/secrets/{NAME}":
            return _status(403, f'secrets "{path.rpartition("/")[2]}" is forbidden')
        return self._about_the_secret(method, headers, body)

    def _about_the_secret(self, method: str, headers: Any, body: bytes) -> tuple[int, Any]:  # noqa: ANN401
        if self.secret is None:
            return _status(404, f'secrets "{NAME}" not found')
        if method == "GET":
            return 200, self.secret
        if headers["Content-Type"] != PATCH:
            return _status(415, "the body is no strategic merge patch")
        self.before_patch()
        return self._patch(json.loads(body))

    def _make_event(self, event: Any) -> tuple[int, Any]:  # noqa: ANN401 - JSON
        name = event["metadata"]["name"]
        if name in self.events:
            return _status(409, f'events.events.k8s.io "{name}" already exists')
        self.events[name] = event
        if self.lost_answers:
            self.lost_answers -= 1
            return 0, None
        return 201, event

    def _patch(self, patch: Any) -> tuple[int, Any]:  # noqa: ANN401 - JSON
        if self.refuse_patches:
            return _status(500, "etcd is read-only")
        assert self.secret is not None
        newest = self.secret["metadata"]["resourceVersion"]
        wanted = patch.get("metadata", {}).get("resourceVersion", newest)
        if wanted != newest:
            return _status(409, "the object has been modified")
        merged = {**self.secret["data"], **patch.get("data", {})}
        self.put(**{key: value for key, value in merged.items() if value is not None})
        return 200, self.secret


def _status(code: int, message: str) -> tuple[int, Any]:
    return code, {"kind": "Status", "code": code, "message": message}


@contextmanager
def api_server(account: Path) -> Iterator[ApiServer]:
    """Run it; ``account`` is an empty folder."""
    root, certificate, key = leaf_for("localhost")
    (account / "ca.crt").write_bytes(root)
    (account / "namespace").write_text(NAMESPACE)
    for name, data in (("cert.pem", certificate), ("key.pem", key)):
        (account / name).write_bytes(data)
    fake = ApiServer(account)
    fake.rotate("first")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "cert.pem", account / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(fake: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do()

        def do_PATCH(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if fake.failures:
                code, found = _status(fake.failures.pop(0), "so it was told")
            else:
                code, found = fake.answer(self.command, self.path, self.headers, body)
            fake.asked.append((self.command, code))
            if not code:
                return  # it hangs up without a word
            with suppress(OSError):
                self.send_response(code)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    return Handler
