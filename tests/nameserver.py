"""A real BIND on loopback: zones, a TSIG key, dynamic updates, DNSSEC, a secondary that lags.

    async with named({"example.org": "@ A 192.0.2.1"}) as server:
        await server.put("example.org", "www.example.org", "A", "192.0.2.2")

Runs in whatever network namespace its caller is in, or in one that is named by ``netns``. It needs
no privileges, no files outside its temporary folder, and prints its log when it does not start.
"""

import asyncio
import base64
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone

from mailstack.dns.update import Change, Tsig, update
from mailstack.topology.model import Endpoint

START_S = 60.0
"""The machine may have much else to do."""
PRIMARY, SECONDARY = "127.0.0.1", "::1"
"""BIND listens on addresses that an interface has: of 127.0.0.0/8 that is the first alone."""


@dataclass
class NameServer:
    """A running named."""

    folder: Path
    address: str
    port: int
    tsig: Tsig
    zones: tuple[str, ...]
    _process: asyncio.subprocess.Process = field(repr=False)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.address, self.port)

    @property
    def log(self) -> str:
        """All that it said."""
        return (self.folder / "log").read_text(errors="replace")

    async def put(self, zone: str, name: str, kind: str, *data: str, ttl: int = 300) -> None:
        """Put these data in place of all of this name and type."""
        await self.change(zone, Change("replace", name, kind, data, ttl))

    async def add(self, zone: str, name: str, kind: str, *data: str, ttl: int = 300) -> None:
        """Add data beside what is there."""
        await self.change(zone, Change("add", name, kind, data, ttl))

    async def remove(self, zone: str, name: str, kind: str, *data: str) -> None:
        """Remove these data, or all of the name and type."""
        await self.change(zone, Change("remove", name, kind, data))

    async def change(self, zone: str, *changes: Change) -> None:
        await update(self.endpoint, zone, changes, self.tsig, timeout_s=START_S)

    async def records(self, zone: str) -> frozenset[tuple[str, str, str]]:
        """``(whole name, type, data)`` of everything in the zone, by zone transfer."""
        found = dns.zone.Zone(zone, relativize=False)
        await dns.asyncquery.inbound_xfr(
            self.address, found, port=self.port, timeout=START_S, lifetime=START_S
        )
        return frozenset(
            (str(name), dns.rdatatype.to_text(data.rdtype), data.to_text())
            for name, _, data in found.iterate_rdatas()
        )

    async def stop(self) -> None:
        """End it; the folder goes with the context."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()


@asynccontextmanager
async def named(
    zones: Mapping[str, str],
    *,
    dnssec: Sequence[str] = (),
    address: str = PRIMARY,
    port: int = 0,
    netns: str = "",
    nameservers: Sequence[str] = (),
    updates: bool = True,
) -> AsyncIterator[NameServer]:
    """Serve ``zones``: name → records as in a zone file, SOA and NS are added.

    Args:
        zones: a line without SOA and NS is enough.
        dnssec: names of zones that are signed, by dnssec-policy.
        address: where it listens, and what its ``ns1`` is.
        port: 0 is any that is free.
        netns: name of a network namespace (``ip netns``) to run in.
        nameservers: addresses of the zone's servers; its own alone if none.
        updates: whether the key may change the zones.
    """
    async with AsyncExitStack() as stack:
        folder = _folder(stack)
        tsig = Tsig("update", "hmac-sha256", base64.b64encode(secrets.token_bytes(32)).decode())
        number = port or free_port(address)
        servers = tuple(nameservers) or (address,)
        for name, text in zones.items():
            (folder / f"{name}.zone").write_text(zone_text(name, text, servers))
        clauses = [_primary(name, signed=name in dnssec, updates=updates) for name in zones]
        (folder / "named.conf").write_text(_conf(folder, address, number, tsig, clauses))
        process = await _start(stack, folder, netns)
        server = NameServer(folder, address, number, tsig, tuple(zones), process)
        await _answering(server, netns, dnssec)
        yield server


@asynccontextmanager
async def lagging(primary: NameServer, *, address: str = SECONDARY) -> AsyncIterator[NameServer]:
    """A second server at the same port that keeps what the zones were when it began.

    It answers with authority and never asks for news.
    """
    texts: dict[str, str] = {}
    for name in primary.zones:
        found = await primary.records(name)
        texts[name] = "".join(
            f"{owner} 300 IN {kind} {data}\n"
            for owner, kind, data in sorted(found, key=lambda record: record[1] != "SOA")
        )
    async with named(texts, address=address, port=primary.port, updates=False) as server:
        yield server


def zone_text(name: str, text: str, addresses: Sequence[str] = (PRIMARY,)) -> str:
    """Return a whole zone file: SOA and NS first, unless ``text`` has an SOA."""
    if " SOA " in text:
        return text
    head = f"$ORIGIN {name}.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n"
    servers = "".join(
        f"@ NS ns{number}\nns{number} {'AAAA' if ':' in address else 'A'} {address}\n"
        for number, address in enumerate(addresses, 1)
    )
    return f"{head}{servers}{text}\n"


def free_port(address: str) -> int:
    """A port that is free for UDP and TCP, with the other address for a secondary."""
    for _ in range(50):
        with ExitStack() as stack:
            try:
                port = _bind(stack, address, socket.SOCK_STREAM, 0)
                _bind(stack, address, socket.SOCK_DGRAM, port)
                if address == PRIMARY:
                    _bind(stack, SECONDARY, socket.SOCK_STREAM, port)
            except OSError:
                continue
            return port
    raise OSError(f"no port is free at {address}")


def _bind(stack: ExitStack, address: str, kind: socket.SocketKind, port: int) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = stack.enter_context(socket.socket(family, kind))
    opened.bind((address, port))
    return int(opened.getsockname()[1])


def _folder(stack: AsyncExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="named-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    return folder


def _primary(name: str, *, signed: bool, updates: bool) -> str:
    policy = "dnssec-policy quick; inline-signing yes;" if signed else ""
    allowed = "key update;" if updates else "none;"
    return (
        f'zone "{name}" {{ type primary; file "{name}.zone"; allow-update {{ {allowed} }}; '
        f"notify no; {policy} }};\n"
    )


def _conf(folder: Path, address: str, port: int, tsig: Tsig, zones: Sequence[str]) -> str:
    v6 = ":" in address
    return (
        f'key "{tsig.name}" {{ algorithm {tsig.algorithm}; secret "{tsig.secret}"; }};\n'
        'dnssec-policy "quick" { keys { csk lifetime unlimited algorithm 13; }; };\n'
        f'options {{ directory "{folder}"; pid-file none; session-keyfile none; '
        f"listen-on port {port} {{ {'none' if v6 else address}; }}; "
        f"listen-on-v6 port {port} {{ {address if v6 else 'none'}; }}; "
        "recursion no; allow-transfer { any; }; dnssec-validation no; "
        "max-cache-size 8m; tcp-clients 100; minimal-responses no; };\n"
        "controls {};\n" + "".join(zones)
    )


async def _start(stack: AsyncExitStack, folder: Path, netns: str) -> asyncio.subprocess.Process:
    inside = ("ip", "netns", "exec", netns) if netns else ()
    descriptor = os.open(folder / "log", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *(*inside, "named", "-g", "-n", "1", "-c", str(folder / "named.conf")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
        )
    finally:
        os.close(descriptor)
    stack.push_async_callback(_end, process)
    return process


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _answering(server: NameServer, netns: str, dnssec: Sequence[str]) -> None:
    """Wait until each zone answers, signed if it is to be."""
    try:
        async with asyncio.timeout(START_S):
            for zone in server.zones:
                while not await _answers(server, netns, zone, signed=zone in dnssec):
                    if server._process.returncode is not None:
                        raise RuntimeError(f"named ended:\n{server.log}")
                    await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise RuntimeError(f"named does not answer:\n{server.log}") from error


async def _answers(server: NameServer, netns: str, zone: str, *, signed: bool) -> bool:
    if netns:  # the caller's sockets are elsewhere: its log tells
        return "all zones loaded" in server.log
    query = dns.message.make_query(zone, "SOA", want_dnssec=signed)
    try:
        reply = await dns.asyncquery.udp(query, server.address, timeout=1, port=server.port)
    except (OSError, dns.exception.DNSException):
        return False
    return reply.rcode() == dns.rcode.NOERROR and (
        not signed or any(r.rdtype == dns.rdatatype.RRSIG for r in reply.answer)
    )
