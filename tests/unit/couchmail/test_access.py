"""Who may use the API."""

import os
import subprocess
import sys

import pytest
from tests.unit.couchmail.running import TOKEN, Running

CONNECT_AS_NOBODY = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b"GET /v1/users HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
sys.stdout.buffer.write(s.makefile("rb").read())
"""


async def test_tcp_needs_the_token(couchmail: Running) -> None:
    """Without it, or with another one, nothing but health, metrics and the description is told."""
    for token in ("", "wrong", TOKEN[:-1], f"{TOKEN}x"):
        async with couchmail.on_tcp(token) as client:
            answer = await client.get("/v1/users")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
                assert (await client.get(path)).status_code == 200
    async with couchmail.on_tcp(TOKEN) as client:
        assert (await client.get("/v1/users")).status_code == 200


async def test_the_unix_socket_needs_no_token(couchmail: Running) -> None:
    """It is for root and the service's own account, and its mode says so."""
    assert couchmail.config.socket.stat().st_mode & 0o777 == 0o600
    async with couchmail.on_socket() as client:
        assert (await client.get("/v1/users")).status_code == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_the_unix_socket_asks_who_connects(couchmail: Running) -> None:
    """Even where the mode was opened by mistake, another account gets 403."""
    import asyncio  # noqa: PLC0415

    couchmail.config.socket.parent.chmod(0o755)
    couchmail.config.socket.chmod(0o666)
    argv = [sys.executable, "-c", CONNECT_AS_NOBODY, str(couchmail.config.socket)]
    found = await asyncio.to_thread(
        subprocess.run, argv, capture_output=True, timeout=20, check=False
    )
    assert found.stdout.startswith(b"HTTP/1.1 403"), found
