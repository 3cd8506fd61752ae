"""Records as data, as a zone file and as objects for ExternalDNS."""

import shutil
import subprocess
from pathlib import Path

import dns.rdata
import dns.rdtypes.ANY.TXT
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.nameserver import zone_text

from mailstack.dns.judge import judge
from mailstack.dns.publish import merged_spf, plan
from mailstack.dns.records import DkimKey, Facts, mta_sts_policy, policy_id, quoted, records_of
from mailstack.dns.zone import endpoints, zone_lines

FACTS = Facts(
    hostname="mail.example.org",
    addresses=("192.0.2.25", "2001:db8::25"),
    keys=(DkimKey("dkim", "rsa", "A" * 392),),
    tls=("ab" * 32, "cd" * 32),
    acme=True,
    account_uri="https://ca.example.net/acct/1",
)


@given(st.text(max_size=1200))
def test_a_text_survives_its_strings(text: str) -> None:
    """Whatever the text holds, a zone file's reader gets it back from strings of 255 octets."""
    read = dns.rdata.from_text("IN", "TXT", quoted(text))
    assert isinstance(read, dns.rdtypes.ANY.TXT.TXT)
    assert b"".join(read.strings) == text.encode()
    assert max(map(len, read.strings)) <= 255


@pytest.mark.parametrize(
    "domain", ["example.org", "mail.example.org", "example.net", "xn--mnchen-3ya.de"]
)
def test_named_checkzone_accepts_the_zone(domain: str, tmp_path: Path) -> None:
    """What ``--zone`` prints is a part of a zone, for the server's domain and for any other."""
    program = shutil.which("named-checkzone")
    if program is None:
        pytest.skip("named-checkzone is not installed")
    file = tmp_path / "zone"
    file.write_text(zone_text(domain, zone_lines(domain, records_of(domain, FACTS))))
    done = subprocess.run([program, domain, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "OK" in done.stdout


def test_the_server_is_published_by_its_own_domain_alone() -> None:
    """Another domain leads to the server by name; it has no address and no TLSA record there."""
    kinds = {record.kind for record in records_of("example.net", FACTS)}
    assert not kinds & {"A", "AAAA", "TLSA"}
    assert {"A", "AAAA", "TLSA"} <= {r.kind for r in records_of("example.org", FACTS)}


def test_each_record_has_a_key_of_its_own() -> None:
    """Findings and metrics tell records apart by their keys."""
    keys = [record.key for record in records_of("example.org", FACTS)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("domain", ["example.org", "example.net"])
def test_what_is_printed_is_judged_right(domain: str) -> None:
    """The two sides agree: each record, seen as it was printed, is ok."""
    records = records_of(domain, FACTS)
    sets: dict[tuple[str, str], list[str]] = {}
    for record in records:
        sets.setdefault((record.name, record.kind), []).append(record.value)
    wrong = [r.key for r in records if judge(r, sets[r.name, r.kind], FACTS).severity != "ok"]
    assert wrong == []
    assert plan(records, {key: tuple(value) for key, value in sets.items()}, FACTS).changes == ()


def test_endpoints_have_the_shape_of_the_crd() -> None:
    """One endpoint for each name and type, with whole texts and whole numbers of seconds."""
    made = endpoints("example.org", records_of("example.org", FACTS))
    assert (made["apiVersion"], made["kind"]) == ("externaldns.k8s.io/v1alpha1", "DNSEndpoint")
    found = made["spec"]["endpoints"]
    assert len({(e["dnsName"], e["recordType"]) for e in found}) == len(found)
    for endpoint in found:
        assert set(endpoint) == {"dnsName", "recordType", "recordTTL", "targets"}
        assert isinstance(endpoint["recordTTL"], int)
        assert all(isinstance(target, str) for target in endpoint["targets"])


def test_another_policy_has_another_id() -> None:
    """Senders fetch the MTA-STS policy again when its id differs."""
    hosts = ("mail.example.org", "mx.example.org")
    ids = {policy_id(mta_sts_policy(host, "enforce", 86_400)) for host in hosts}
    assert len(ids) == 2
    assert all(text.isalnum() and len(text) <= 32 for text in ids)


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("v=spf1 mx -all", "v=spf1 mx -all"),
        ("v=spf1 include:_spf.example.net ~all", "v=spf1 mx include:_spf.example.net ~all"),
        ("v=spf1 ip4:192.0.2.25 -all", "v=spf1 ip4:192.0.2.25 -all"),
        ("v=spf1", "v=spf1 mx -all"),
    ],
)
def test_spf_is_merged(text: str, merged: str) -> None:
    """Who may send already still may; our server is put before them, once."""
    assert merged_spf(text, FACTS) == merged
    assert merged_spf(merged, FACTS) == merged
