"""The data set: 100,000 domains and a million users, written through couchmail's own import."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOMAINS = 100_000
USERS = 1_000_000
HASH = "{SHA512-CRYPT}$6$" + "s" * 16 + "$" + "h" * 86
CHUNK = 500
"""Lines sent at once."""


@dataclass(frozen=True)
class Imported:
    """How the import went."""

    documents: int
    seconds: float


class Api(http.client.HTTPConnection):
    """The API on its unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("couchmail", timeout=600)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def lines(users: int, domains: int) -> Iterator[str]:
    """Every document; user I is u%07d of domain I modulo the number of domains (load.c)."""
    for domain in range(domains):
        yield json.dumps({"type": "domain", "name": f"d{domain:06}.example"}) + "\n"
    for user in range(users):
        address = f"u{user:07}@d{user % domains:06}.example"
        yield json.dumps({"type": "user", "address": address, "password": HASH}) + "\n"


def chunks(users: int, domains: int) -> Iterator[bytes]:
    batch: list[str] = []
    for line in lines(users, domains):
        batch.append(line)
        if len(batch) == CHUNK:
            yield "".join(batch).encode()
            batch.clear()
    yield "".join(batch).encode()


def fill(path: Path, users: int, domains: int) -> Imported:
    """Import all of it; stops the benchmark if a line is refused."""
    started = time.perf_counter()
    api = Api(path)
    api.request(
        "POST",
        "/v1/import",
        chunks(users, domains),
        encode_chunked=True,
        headers={"transfer-encoding": "chunked"},
    )
    last = json.loads(api.getresponse().read().splitlines()[-1])
    if not last.get("done"):
        raise SystemExit(f"import failed: {last}")
    return Imported(last["imported"], time.perf_counter() - started)
