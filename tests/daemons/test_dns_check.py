"""``dns check`` and ``dns records --update`` against a real BIND."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.nameserver import PRIMARY, SECONDARY, NameServer, lagging, named

from mailstack.dns.check import Place, check
from mailstack.dns.dnssec import check_dnssec
from mailstack.dns.publish import publish
from mailstack.dns.records import DkimKey, Facts, Record, records_of
from mailstack.dns.update import UpdateRefused, UpdateUnavailable
from mailstack.dns.zone import zone_lines
from mailstack.errors import MailstackError
from mailstack.findings import Finding, failed

ZONE = "example.org"
FACTS = Facts(
    hostname="mail.example.org",
    addresses=("192.0.2.25", "2001:db8::25"),
    keys=(DkimKey("dkim", "rsa", "A" * 392), DkimKey("ed", "ed25519", "B" * 44)),
    tls=("ab" * 32, "cd" * 32),
    issuer="letsencrypt.org",
)
RECORDS = records_of(ZONE, FACTS)
LOADED = zone_lines(ZONE, RECORDS)
UNSIGNED = {"dns.dnssec"}
"""What is no fault of a record: BIND as the resolver here validates nothing."""

ALTERED = {
    "mx": "10 mail.example.net.",
    "a": "192.0.2.99",
    "aaaa": "2001:db8::99",
    "spf": "v=spf1 a:other.example.net -all",
    "dmarc": "v=DMARC1; p=none",
    "mta-sts": "v=STSv1; id=other",
    "tls-rpt": "v=TLSRPTv1; rua=",
    "tlsa": f"3 1 1 {'00' * 32}",
    "tlsa.next": f"3 1 1 {'00' * 32}",
    "caa": '0 issue "ca.example.net"',
}


def altered(record: Record) -> Record:
    """The same record with other data."""
    if record.key in ALTERED:
        return replace(record, value=ALTERED[record.key])
    if record.kind == "SRV":
        return replace(record, value="0 1 1 mail.example.org.")
    if record.kind == "CNAME":
        return replace(record, value="other.example.net.")
    return replace(record, value=record.value.replace("AA", "AC").replace("BB", "BC"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[NameServer]:
    async with named({ZONE: LOADED}) as running:
        yield running


def place(server: NameServer) -> Place:
    return Place(server.endpoint, server.port)


async def wrong(server: NameServer, facts: Facts = FACTS) -> dict[str, Finding]:
    """What is not ok, by its key."""
    findings = await check(ZONE, facts, place(server))
    return {f.key: f for f in findings if f.severity != "ok" and f.key not in UNSIGNED}


@pytest.mark.asyncio(loop_scope="module")
async def test_the_zone_as_printed_is_green(server: NameServer) -> None:
    """With exactly the records that ``dns records`` prints, nothing is wrong."""
    assert await wrong(server) == {}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.key)
async def test_a_record_that_is_missing_is_named(server: NameServer, record: Record) -> None:
    """Each record removed is named, it alone, with the line to publish."""
    await server.remove(ZONE, record.name, record.kind, record.data)
    try:
        found = await wrong(server)
    finally:
        await server.add(ZONE, record.name, record.kind, record.data, ttl=record.ttl)
    assert set(found) == {f"dns.{record.key}"}
    finding = found[f"dns.{record.key}"]
    assert finding.fix == f"publish: {record.line}"
    assert finding.meaning
    assert (finding.severity == "failure") == (record.level == "required" or record.key == "tlsa")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.key)
async def test_a_record_that_is_altered_is_named(server: NameServer, record: Record) -> None:
    """Each record with other data is named, it alone, with the line to publish."""
    other = altered(record)
    await server.remove(ZONE, record.name, record.kind, record.data)
    await server.add(ZONE, other.name, other.kind, other.data)
    try:
        found = await wrong(server)
    finally:
        await server.remove(ZONE, other.name, other.kind, other.data)
        await server.add(ZONE, record.name, record.kind, record.data, ttl=record.ttl)
    assert set(found) == {f"dns.{record.key}"}
    assert found[f"dns.{record.key}"].fix == f"publish: {record.line}"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("key", ["spf", "dmarc"])
async def test_a_second_policy_is_a_failure(server: NameServer, key: str) -> None:
    """Two SPF or two DMARC records void each other."""
    record = next(r for r in RECORDS if r.key == key)
    other = replace(record, value=record.value.replace("-all", "~all").replace("reject", "none"))
    await server.add(ZONE, other.name, "TXT", other.data)
    try:
        found = await wrong(server)
    finally:
        await server.remove(ZONE, other.name, "TXT", other.data)
    assert found[f"dns.{key}"].severity == "failure"
    assert "2 records" in found[f"dns.{key}"].what


async def test_a_null_mx_and_an_alias_are_failures() -> None:
    """A domain that says it takes no mail, and a host that is an alias, are told."""
    text = "@ MX 0 .\nmail CNAME other\nother A 192.0.2.25"
    async with named({ZONE: text}) as server:
        found = await wrong(server)
    assert "null MX" in found["dns.mx"].what
    assert found["dns.alias"].severity == "failure"


async def test_too_many_lookups_void_spf() -> None:
    """Eleven lookups are one too many, and are counted through include."""
    many = " ".join(f"a:h{number}.{ZONE}" for number in range(9))
    text = f'{LOADED}\n@ TXT "v=spf1 mx include:more.{ZONE} -all"\nmore TXT "v=spf1 {many} -all"'
    text = text.replace('"v=spf1 mx -all"', '"other"')
    async with named({ZONE: text}) as server:
        found = await wrong(server)
    assert found["dns.spf-lookups"].severity == "failure"


async def test_a_secondary_that_lags_is_named() -> None:
    """A record that one server lacks is wrong, and says which server lacks it."""
    async with (
        named({ZONE: ""}, nameservers=(PRIMARY, SECONDARY)) as server,
        lagging(server),
    ):
        await publish(ZONE, FACTS, server=server.endpoint, zone=ZONE, tsig=server.tsig)
        found = await wrong(server)
    assert "ns2" in found["dns.mx"].what
    assert "disagree" in found["dns.servers"].what


async def test_without_the_network_nothing_is_called_wrong() -> None:
    """When nobody can be asked, every record is unknown, and none is a failure."""
    async with named({ZONE: LOADED}) as server:
        await server.stop()
        findings = await check(ZONE, FACTS, place(server))
    assert {f.severity for f in findings} == {"unknown"}
    assert not failed(findings)


async def test_a_signed_zone_is_told_from_an_unsigned_one() -> None:
    """Signed, but not validated by this resolver: another advice than for an unsigned zone."""
    async with named({ZONE: LOADED}, dnssec=(ZONE,)) as server:
        findings = {f.key: f for f in await check(ZONE, FACTS, place(server))}
    assert "has no DS record" in findings["dns.dnssec"].what


async def test_an_update_makes_it_green_and_touches_nothing_else() -> None:
    """Published, checked, published again: nothing is left to do, others' records are there."""
    text = '@ TXT "site-verification=1"\n@ TXT "v=spf1 ip4:198.51.100.1 ~all"\nwww A 192.0.2.80'
    async with named({ZONE: text}) as server:
        before = await server.records(ZONE)
        done = await publish(ZONE, FACTS, server=server.endpoint, zone=ZONE, tsig=server.tsig)
        assert await wrong(server) == {}
        after = await server.records(ZONE)
        again = await publish(ZONE, FACTS, server=server.endpoint, zone=ZONE, tsig=server.tsig)
    lost = {record for record in before - after if record[1] != "SOA"}
    assert lost == {("example.org.", "TXT", '"v=spf1 ip4:198.51.100.1 ~all"')}
    assert ("example.org.", "TXT", '"v=spf1 mx ip4:198.51.100.1 ~all"') in after
    assert any(line.startswith("- example.org.") for line in done.diff)
    assert again.changes == ()


async def test_an_update_that_is_refused_changes_nothing() -> None:
    """A wrong key, a server that refuses and one that is down are one line each."""
    async with named({ZONE: ""}) as server:
        before = await server.records(ZONE)
        wrong_key = replace(server.tsig, secret="AAAA")
        with pytest.raises(UpdateRefused, match="BADSIG"):
            await publish(ZONE, FACTS, server=server.endpoint, zone=ZONE, tsig=wrong_key)
        with pytest.raises(UpdateRefused, match="REFUSED"):
            await publish(ZONE, FACTS, server=server.endpoint, zone=ZONE, tsig=None)
        assert await server.records(ZONE) == before
        await server.stop()
        with pytest.raises(MailstackError, match="cannot be asked") as caught:
            await publish(ZONE, FACTS, server=server.endpoint, zone=ZONE, tsig=server.tsig)
        assert not isinstance(caught.value, UpdateUnavailable)


@pytest.mark.parametrize(
    ("kept", "stray", "keys"),
    [
        ("192.0.2.25", "AAAA", {"dns.aaaa"}),
        ("2001:db8::25", "A", {"dns.a", "dns.ipv4"}),
    ],
)
async def test_an_address_of_a_family_that_the_server_has_not(
    kept: str, stray: str, keys: set[str]
) -> None:
    """It leads nowhere, and who prefers that family comes first; IPv6 alone is warned of."""
    facts = replace(FACTS, addresses=(kept,))
    async with named({ZONE: LOADED}) as server:
        found = await wrong(server, facts)
        assert set(found) == keys
        assert found[f"dns.{stray.lower()}"].severity == "failure"
        await server.remove(ZONE, FACTS.hostname, stray)
        assert set(await wrong(server, facts)) == keys - {f"dns.{stray.lower()}"}


async def test_a_host_in_a_zone_of_its_own() -> None:
    """What is delegated away from the domain's zone is looked at where it is served."""
    facts = replace(FACTS, hostname="mail.sub.example.org")
    records = records_of(ZONE, facts)
    below = [r for r in records if r.name.endswith("sub.example.org")]
    above = zone_lines(ZONE, [r for r in records if r not in below])
    zones = {ZONE: f"{above}\nsub NS ns.example.org.\n", "sub.example.org": ""}
    async with named(zones) as server:
        for record in below:
            await server.add("sub.example.org", record.name, record.kind, record.data)
        assert await wrong(server, facts) == {}
        await server.put("sub.example.org", facts.hostname, "A", "192.0.2.99")
        assert set(await wrong(server, facts)) == {"dns.a"}


def made_by_bind(key: Path) -> tuple[str, str]:
    """Tag and digest of a key's DS record, by BIND's own tool."""
    done = subprocess.run(
        ["dnssec-dsfromkey", "-2", str(key)], capture_output=True, text=True, check=True
    )
    fields = done.stdout.split()
    return fields[3], fields[6].lower()


async def test_the_ds_record_to_publish_is_told() -> None:
    """Signed, and its parent does not know: the record to publish is the one that BIND makes."""
    async with named({ZONE: LOADED}, dnssec=(ZONE,)) as server:
        found = await check_dnssec(ZONE, server.endpoint)
        keys = [await asyncio.to_thread(made_by_bind, key) for key in server.folder.rglob("K*.key")]
    told = found.fix.partition(f"{ZONE} IN DS ")[2].split()
    assert (told[0], told[3].lower()) in keys


async def test_a_ds_record_that_nobody_validates_by() -> None:
    """There is one, and the resolver does not look: that is told apart from a missing one."""
    parent = f"a NS ns.example.org.\na DS 1 13 2 {'ab' * 32}"
    async with named({"example": parent, "a.example": ""}, dnssec=("a.example",)) as server:
        found = await check_dnssec("a.example", server.endpoint)
        assert (found.severity, "did not validate" in found.what) == ("warning", True)
        assert "dns.dnssec" in found.fix


async def test_a_second_address_that_is_not_ours_is_told() -> None:
    """A host that also leads to another machine is a warning."""
    async with named({ZONE: f"{LOADED}\nmail A 192.0.2.99"}) as server:
        found = await wrong(server)
    assert set(found) == {"dns.a"}
    assert found["dns.a"].severity == "warning"
