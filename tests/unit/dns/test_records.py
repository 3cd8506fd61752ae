"""Records as data, as a zone file and as objects for ExternalDNS."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import dns.rdata
import dns.rdtypes.ANY.TXT
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.nameserver import zone_text

from mailstack.dns.judge import judge
from mailstack.dns.publish import merged_spf, plan
from mailstack.dns.records import (
    DkimKey,
    Facts,
    impossible,
    mta_sts_policy,
    policy_id,
    quoted,
    records_of,
)
from mailstack.dns.zone import endpoints, zone_lines

FACTS = Facts(
    hostname="mail.example.org",
    addresses=("192.0.2.25", "2001:db8::25"),
    keys=(DkimKey("dkim", "rsa", "A" * 392),),
    tls=("ab" * 32, "cd" * 32),
    issuer="letsencrypt.org",
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


LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 50])
"""A domain of 242 octets: ``mta-sts.`` fits in front of it, and ``openpgpkey.`` just so."""
DNS_NAME = (
    r"(\*\.)?([a-zA-Z0-9_]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?\.)*"
    r"[a-zA-Z0-9_]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?"
)
"""What ExternalDNS's CRD demands of a name (dnsendpoints.externaldns.k8s.io, v1alpha1)."""
RECORD_TYPES = {"A", "AAAA", "CNAME", "DNAME", "MX", "NAPTR", "NS", "PTR", "SRV", "TLSA", "TXT"}
"""All that it allows."""
OBJECT_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


@pytest.mark.parametrize("domain", ["example.org", "example.net", "xn--mnchen-3ya.de", LONG])
def test_endpoints_have_the_shape_of_the_crd(domain: str) -> None:
    """One endpoint for each name and type; hosts end with a dot just where the program wants it."""
    made = endpoints(domain, records_of(domain, FACTS))
    assert (made["apiVersion"], made["kind"]) == ("externaldns.k8s.io/v1alpha1", "DNSEndpoint")
    assert re.fullmatch(OBJECT_NAME, made["metadata"]["name"])
    assert len(made["metadata"]["name"]) <= 253
    found = made["spec"]["endpoints"]
    assert len({(e["dnsName"], e["recordType"]) for e in found}) == len(found)
    for endpoint in found:
        assert set(endpoint) == {"dnsName", "recordType", "recordTTL", "targets"}
        assert re.fullmatch(DNS_NAME, endpoint["dnsName"])
        assert len(endpoint["dnsName"]) <= 253
        assert endpoint["recordType"] in RECORD_TYPES
        assert 0 <= int(endpoint["recordTTL"]) < 2**31
        for target in endpoint["targets"]:
            assert 1 <= len(target) <= 4096
            assert target.endswith(".") is (endpoint["recordType"] == "SRV"), endpoint
    kinds = {record.kind for record in records_of(domain, FACTS)}
    assert kinds - {endpoint["recordType"] for endpoint in found} == {"CAA"}


def test_names_of_objects_stay_apart() -> None:
    """Two long domains that begin alike have two objects."""
    names = {endpoints(f"{LONG}.{end}", ())["metadata"]["name"] for end in ("aa", "bb")}
    assert len(names) == 2


def test_a_very_long_domain(tmp_path: Path) -> None:
    """What DNS has no room for is named apart; the rest makes a zone."""
    domain = f"{LONG[:-5]}.{'e' * 4}"
    records, left_out = records_of(domain, FACTS), impossible(domain, FACTS)
    assert all(len(record.name) <= 253 for record in records)
    assert {record.key for record in left_out} >= {"dkim.dkim", "host.autodiscover"}
    assert {"mx", "spf", "dmarc"} <= {record.key for record in records}
    assert len(records) + len(left_out) == len(records_of("example.net", FACTS))
    assert not impossible("example.org", FACTS)
    program = shutil.which("named-checkzone")
    if program is None:
        pytest.skip("named-checkzone is not installed")
    file = tmp_path / "zone"
    file.write_text(f"$TTL 300\n@ SOA ns.example. a.example. 1 1 1 1 1\n@ NS ns.example.\n"
                    f"{zone_lines(domain, records)}")  # fmt: skip
    done = subprocess.run([program, domain, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_domain_in_its_own_script() -> None:
    """A zone file says it as people write it, in a comment; what it publishes is in A-labels."""
    text = zone_lines("xn--mnchen-3ya.de", records_of("xn--mnchen-3ya.de", FACTS))
    assert text.startswith("; records of münchen.de for mailstack\n$ORIGIN xn--mnchen-3ya.de.\n")
    assert "münchen" not in text.partition("\n")[2]


def test_a_domain_below_another_one_of_ours() -> None:
    """Each is published by itself; the server's records stand in both that it lies in, alike."""
    facts = replace(FACTS, hostname="mail.sub.example.org")
    above, below = (records_of(name, facts) for name in ("example.org", "sub.example.org"))
    both = {(r.name, r.kind, r.value) for r in above} & {(r.name, r.kind, r.value) for r in below}
    assert {kind for _, kind, _ in both} == {"A", "AAAA", "TLSA"}
    assert {name for name, _, _ in both} == {
        "mail.sub.example.org",
        "_25._tcp.mail.sub.example.org",
    }
    own = {record.name for record in below} - {name for name, _, _ in both}
    assert all(name.endswith("sub.example.org") for name in own)


@pytest.mark.parametrize(
    ("seen", "account", "severity"),
    [
        ('0 issue "letsencrypt.org"', "", "ok"),
        ('0 issue "letsencrypt.org"', "https://a/1", "warning"),
        ('0 issue "letsencrypt.org; accounturi=https://a/1"', "https://a/1", "ok"),
        ('0 issue "letsencrypt.org;validationmethods=dns-01;accounturi=https://a/1"',
         "https://a/1", "ok"),
        ('0 issue "letsencrypt.org; accounturi=https://a/2"', "https://a/1", "failure"),
        ('0 issue "letsencrypt.org; accounturi=https://a/2"', "", "warning"),
        ('0 issue "notletsencrypt.org"', "", "failure"),
        ('0 issue ";"', "", "failure"),
        ('0 iodef "mailto:a@b.example"', "", "warning"),
    ],
)  # fmt: skip
def test_who_may_issue(seen: str, account: str, severity: str) -> None:
    """Each record allows its issuer; another account's record does not let ours renew."""
    facts = replace(FACTS, account_uri=account)
    record = next(r for r in records_of("example.org", facts) if r.kind == "CAA")
    assert judge(record, [seen], facts).severity == severity


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


@pytest.mark.parametrize(
    ("there", "account", "after"),
    [
        ((), "", {'0 issue "letsencrypt.org"'}),
        (('0 issue "ca.example"',), "", {'0 issue "ca.example"', '0 issue "letsencrypt.org"'}),
        (('0 issue "letsencrypt.org; accounturi=https://a/2"',), "",
         {'0 issue "letsencrypt.org; accounturi=https://a/2"'}),
        (('0 issue "letsencrypt.org"',), "https://a/1",
         {'0 issue "letsencrypt.org; accounturi=https://a/1"'}),
        (('0 issuewild "letsencrypt.org"',), "https://a/1",
         {'0 issuewild "letsencrypt.org"', '0 issue "letsencrypt.org; accounturi=https://a/1"'}),
    ],
)  # fmt: skip
def test_what_becomes_of_caa(there: tuple[str, ...], account: str, after: set[str]) -> None:
    """Others' records stay; an account is named for good where the owner wants that, and stays."""
    facts = replace(FACTS, account_uri=account)
    records = [r for r in records_of("example.org", facts) if r.kind == "CAA"]
    found = set(there)
    for change in plan(records, {("example.org", "CAA"): there}, facts).changes:
        found = found - set(change.data) if change.action == "remove" else found | set(change.data)
    assert found == after
    assert plan(records, {("example.org", "CAA"): tuple(after)}, facts).changes == ()
