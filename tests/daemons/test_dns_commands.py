"""``mailstack dns`` from the command line, against a real BIND and a real validating unbound."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rdatatype
import pytest
from tests.daemons.test_dns_check import FACTS, LOADED, ZONE
from tests.nameserver import PRIMARY, START_S, NameServer, free_port, named

from mailstack.cli import dns as command
from mailstack.cli.invocation import Invocation
from mailstack.dns.check import Place, check
from mailstack.dns.dnssec import check_dnssec
from mailstack.dns.publish import publish
from mailstack.dns.records import records_of
from mailstack.errors import ConfigError, MailstackError
from mailstack.topology.model import Endpoint


def invocation(folder: Path, server: NameServer | None) -> Invocation:
    """A settings file and a key file, as an owner has them."""
    file = folder / "mailstack.toml"
    text = f'domain = "{ZONE}"\nemail = "me@{ZONE}"\n'
    if server is not None:
        text += f'[dns]\nupdate_server = "{server.address}@{server.port}"\n'
        secure = folder / "secure"
        secure.mkdir()
        (secure / "tsig.key").write_text(
            f'key "{server.tsig.name}" {{\n\talgorithm {server.tsig.algorithm};\n'
            f'\tsecret "{server.tsig.secret}";\n}};\n'
        )
    file.write_text(text)
    return Invocation(file, folder)


async def test_update_by_the_settings(tmp_path: Path) -> None:
    """With a server and a key in the settings: a dry run changes nothing, an update does it all."""
    async with named({ZONE: ""}) as server:
        owner = invocation(tmp_path, server)
        before = await server.records(ZONE)
        planned = await asyncio.to_thread(command.published, owner, ZONE, FACTS, dry=True)
        assert await server.records(ZONE) == before
        done = await asyncio.to_thread(command.published, owner, ZONE, FACTS, dry=False)
        again = await asyncio.to_thread(command.published, owner, ZONE, FACTS, dry=False)
    assert planned.diff == done.diff
    assert done.diff
    assert again.diff == ()


async def test_an_update_without_a_key_file_names_it(tmp_path: Path) -> None:
    """Without STATE/secure/tsig.key the error names that file."""
    async with named({ZONE: ""}) as server:
        owner = invocation(tmp_path, server)
        (tmp_path / "secure" / "tsig.key").unlink()
        with pytest.raises(ConfigError, match=r"tsig\.key"):
            await asyncio.to_thread(command.published, owner, ZONE, FACTS, dry=False)
    with pytest.raises(MailstackError):
        await asyncio.to_thread(command.published, owner, ZONE, FACTS, dry=False)


async def test_signatures_are_validated() -> None:
    """Signed and trusted: ok. Trusted by another key: bogus, a failure. Not signed: a warning."""
    async with named({ZONE: LOADED}, dnssec=(ZONE,)) as server:
        key = await _key(server)
        async with unbound(server, f"{ZONE}. DNSKEY {key}") as resolver:
            found = {f.key: f for f in await check(ZONE, FACTS, Place(resolver, server.port))}
            assert found["dns.dnssec"].severity == "ok"
            assert {f.severity for f in found.values()} == {"ok"}
        other = re.sub(r"(.{8})$", "AAAAAA==", key)
        async with unbound(server, f"{ZONE}. DNSKEY {other}") as resolver:
            assert (await check_dnssec(ZONE, resolver)).severity == "failure"
    async with named({ZONE: LOADED}) as server, unbound(server, "") as resolver:
        assert (await check_dnssec(ZONE, resolver)).severity == "warning"


async def test_a_record_behind_an_alias_is_looked_up_and_left_alone() -> None:
    """Where _dmarc is an alias into another zone, what stands there counts, and nothing is put."""
    policy = next(r for r in records_of(ZONE, FACTS) if r.key == "dmarc")
    kept = [line for line in LOADED.splitlines() if not line.startswith(policy.name)]
    text = "\n".join([*kept, f"{policy.name}. CNAME policy.example.net."])
    zones = {ZONE: text, "example.net": f"policy TXT {policy.data}"}
    async with named(zones) as server, unbound(server, "") as resolver:
        found = await check(ZONE, FACTS, Place(resolver, server.port))
        done = await publish(ZONE, FACTS, server=server.endpoint, zone=ZONE, tsig=server.tsig)
    assert {f.key for f in found if f.severity != "ok"} == {"dns.dnssec"}
    assert done.changes == ()
    assert any("_dmarc" in line for line in done.kept)


@asynccontextmanager
async def unbound(server: NameServer, anchor: str) -> AsyncIterator[Endpoint]:
    """Run a validating resolver that knows where the zone is, and trusts ``anchor``."""
    port = free_port(PRIMARY)
    conf = server.folder / f"unbound-{port}.conf"
    conf.write_text(
        f'server:\n interface: {PRIMARY}\n port: {port}\n username: ""\n chroot: ""\n'
        f' directory: "{server.folder}"\n pidfile: ""\n use-syslog: no\n logfile: ""\n'
        f" do-not-query-localhost: no\n num-threads: 1\n"
        + (f' trust-anchor: "{anchor}"\n' if anchor else "")
        + "remote-control:\n control-enable: no\n"
        + "".join(
            f"stub-zone:\n name: {zone}\n stub-addr: {server.address}@{server.port}\n"
            for zone in server.zones
        )
    )
    process = await asyncio.create_subprocess_exec(
        *("unbound", "-d", "-c", str(conf)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _listening(port)
        yield Endpoint(PRIMARY, port)
    finally:
        process.kill()
        await process.wait()


async def _listening(port: int) -> None:
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(PRIMARY, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


async def _key(server: NameServer) -> str:
    query = dns.message.make_query(ZONE, "DNSKEY")
    reply = await dns.asyncquery.udp(query, server.address, timeout=START_S, port=server.port)
    keys = [r for r in reply.answer if r.rdtype == dns.rdatatype.DNSKEY]
    flags, protocol, algorithm, *parts = keys[0][0].to_text().split()
    return " ".join((flags, protocol, algorithm, "".join(parts)))
