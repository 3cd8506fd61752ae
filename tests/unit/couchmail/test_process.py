"""couchmail as a process: it gives up root, imports nothing afterwards, and says what is wrong."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.unit.couchmail.process import ACCOUNT, Process
from tests.unit.couchmail.running import HASH, TOKEN

from mailstack.protocols import netstring


async def use_everything(process: Process, ports: dict[str, int]) -> None:
    """Make it run through what it may do while it serves."""
    for port, data in {
        "domains": netstring.encode(b"domains example.org") + b"x",
        "mailboxes": b"get b%C3%BC@example.org\nput\n",
        "aliases": netstring.encode(b"senders a@xn--bcher-kva.example"),
        "dict": b"H3\t2\t0\t\ta\nLshared/passdb/u@example.org\nI0\t0\tshared/userdb/\t\n",
    }.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[port])
        writer.write(data)
        writer.write_eof()
        await reader.read()
        writer.close()
    on_socket = httpx.AsyncHTTPTransport(uds=str(process.settings.socket))
    user = {"address": "u@example.org", "password": HASH, "quota": 3}
    async with httpx.AsyncClient(transport=on_socket, base_url="http://couchmail") as api:
        await api.post("/v1/users", json=user)
        await api.post("/v1/users", json={"address": "bücher@bücher.example"})
        await api.put("/v1/users/u@example.org/sieve/x", json={"text": "keep;", "active": True})
        await api.patch("/v1/users/u@example.org", content=b"{")
        await api.get("/v1/changes", params={"wait": 1, "since": 99})
        await api.post("/v1/import", content=b'{"type":"domain","name":"b.example"}\nx')
        for path in ("v1/users", "v1/export", "metrics", "readyz", "openapi.json", "nothing"):
            await api.get(f"/{path}")
        await api.post("/v1/backup")
        await api.delete("/v1/domains/example.org", params={"recursive": "1"})
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['api']}") as api:
        assert (await api.get("/v1/users")).status_code == 401
        answer = await api.get("/v1/users", headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give root up")
async def test_it_gives_up_root_and_imports_nothing_afterwards(folder: Path) -> None:
    """The interpreter may lie where the account cannot read, so all imports come before."""
    process = Process(folder, guard=True)
    ports = await process.start()
    try:
        status = process.status()
        assert f"Uid:\t{ACCOUNT}\t{ACCOUNT}\t{ACCOUNT}\t{ACCOUNT}" in status
        assert f"Gid:\t{ACCOUNT}\t{ACCOUNT}\t{ACCOUNT}\t{ACCOUNT}" in status
        assert re.search(r"^Groups:\s*$", status, re.MULTILINE)
        await use_everything(process, ports)
    finally:
        assert await process.stop() == 0
    assert set(re.findall("LATE (.*)", process.said())) == set()


async def test_it_stops_on_sigterm_and_starts_again(folder: Path) -> None:
    """The exit code is 0, and what it was told is still there."""
    process = Process(folder)
    await process.start()
    assert await process.stop() == 0
    ports = await process.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", ports["domains"])
    writer.write(b"get example.org\n")
    assert await reader.readline() == b"200 example.org\n"
    writer.close()
    assert await process.stop() == 0


def test_its_files_are_private(folder: Path) -> None:
    """Password hashes are for nobody else to read."""

    async def run() -> None:
        process = Process(folder)
        await process.start()
        await process.stop()

    asyncio.run(run())
    assert {file.stat().st_mode & 0o077 for file in folder.glob("mail.sqlite*")} == {0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Invalid JSON"),
        ("{}", "listen: Field required"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_bad_configuration_is_one_line(folder: Path, text: str | None, words: str) -> None:
    """Exit code 1, and which file says what; no traceback."""
    file = folder / "couchmail.json"
    if text is not None:
        file.write_text(text)
    argv = [sys.executable, "-m", "mailstack.couchmail", "--config", str(file)]
    found = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert found.returncode == 1
    assert len(found.stderr.splitlines()) == 1
    assert f"{file}: " in found.stderr
    assert words in found.stderr


def test_a_taken_port_is_one_line(folder: Path) -> None:
    """Exit code 1, the port, and what to do."""

    async def run() -> tuple[int, str]:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        process = Process(folder)
        text = process.settings.model_dump_json().replace('"port":0', f'"port":{port}', 1)
        (folder / "couchmail.json").write_text(text)
        with pytest.raises(AssertionError):
            await process.start()
        server.close()
        return await process.process.wait(), process.said()

    status, said = asyncio.run(run())
    assert status == 1
    assert "cannot listen on 127.0.0.1" in said.splitlines()[-1]
    assert "listen.port_offset" in said.splitlines()[-1]
