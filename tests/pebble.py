"""A real Pebble (an ACME authority for tests) on loopback, with a root of its own."""

import asyncio
import json
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.authority import leaf_for

START_S = 60.0


@dataclass(frozen=True)
class Pebble:
    directory: str
    ca_file: Path
    """What is trusted for the directory itself."""


@asynccontextmanager
async def pebble(
    *,
    http_port: int,
    dnsserver: str,
    nonce_reject: int = 5,
    authz_reuse: int = 0,
    valid_s: int = 7776000,
) -> AsyncIterator[Pebble]:
    """Run it.

    Args:
        http_port: where it looks for http-01.
        dnsserver: whom it asks.
        nonce_reject: percentage of good nonces that it refuses.
        authz_reuse: percentage of proofs that it takes as proved since the last time.
        valid_s: life of a certificate.
    """
    with tempfile.TemporaryDirectory(prefix="mailstack-pebble-") as name:
        folder, port, operations = Path(name), free_port(), free_port()
        root, certificate, key = leaf_for("localhost")
        for file, data in (("ca.pem", root), ("cert.pem", certificate), ("key.pem", key)):
            (folder / file).write_bytes(data)
        conf = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{operations}",
            "certificate": str(folder / "cert.pem"),
            "privateKey": str(folder / "key.pem"),
            "httpPort": http_port,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "certificateValidityPeriod": valid_s,
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": conf}))
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                "pebble", "-config", str(folder / "pebble.json"), "-dnsserver", dnsserver,
                env=os.environ
                | {
                    "PEBBLE_VA_NOSLEEP": "1",
                    "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
                    "PEBBLE_AUTHZREUSE": str(authz_reuse),
                },
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            await _listening(port, folder / "log")
            yield Pebble(f"https://localhost:{port}/dir", folder / "ca.pem")
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


@contextmanager
def pebble_beside(
    *, http_port: int, dnsserver: str, nonce_reject: int = 5, valid_s: int = 7776000
) -> Iterator[Pebble]:
    """Run it beside a test that is not asynchronous."""
    with asyncio.Runner() as runner:
        running = pebble(
            http_port=http_port, dnsserver=dnsserver, nonce_reject=nonce_reject, valid_s=valid_s
        )
        ca = runner.run(running.__aenter__())
        try:
            yield ca
        finally:
            runner.run(running.__aexit__(None, None, None))


async def _listening(port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(START_S):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise AssertionError(f"Pebble does not start: {_words(log)}") from error


def _words(log: Path) -> str:
    return log.read_text()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
