"""What the checks of ``mailstack doctor`` conclude from what they saw."""

import asyncio
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mailstack.doctor import certificates, clock, names, queue
from mailstack.doctor.context import Context, Found
from mailstack.doctor.datastore import datastore
from mailstack.doctor.registry import CHECKS, Entry
from mailstack.doctor.run import Result, examination, run
from mailstack.doctor.secrets import secrets
from mailstack.doctor.services import overrides, services
from mailstack.doctor.signature import signed
from mailstack.findings import Finding
from mailstack.model.examination import MAX_FINDINGS
from mailstack.settings import Settings

SETTINGS = Settings(email="owner@example.net", domain="example.org")


def context(state: Path, status: Mapping[str, object] | None = None) -> Context:
    return Context(SETTINGS, state, (), status)


def certificate(name: str, days: int) -> bytes:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def worst(found: Found) -> set[tuple[str, str]]:
    return {(f.severity, f.key) for f in found if f.severity != "ok"}


@pytest.mark.parametrize(
    ("name", "days", "expected"),
    [
        ("mail.example.org", 60, set()),
        ("mail.example.org", 5, {("warning", "tls.expiry")}),
        ("mail.example.org", -3, {("failure", "tls.expiry")}),
        ("*.example.org", 60, set()),
        ("www.example.org", 60, {("failure", "tls.name")}),
    ],
)
def test_a_certificate(name: str, days: int, expected: set[tuple[str, str]]) -> None:
    """Dates and names are judged; that it is self-signed is a warning of its own."""
    found = certificates.judge({"postfix.smtp": certificate(name, days)}, "mail.example.org", "x")
    assert worst(found) == expected | {("warning", "tls.issuer")}


def test_a_renewal_that_fails(tmp_path: Path) -> None:
    """What the keeper of the certificate has to say is a warning, with the way to hear more."""
    for remark, expected in (("", set()), ("no new one", {("warning", "tls.renewal")})):
        status = {"services": {"letsencrypt": {"state": "healthy", "remark": remark}}}
        assert worst(certificates.renewal(context(tmp_path, status))) == expected
    assert not certificates.renewal(context(tmp_path, None))


def test_ports_of_services_that_are_off() -> None:
    """Who serves no well-known names has no port of them; without a status all are asked."""
    some = certificates.asked({"services": {"postfix": {}, "dovecot": {}}})
    assert {service for service, _, _ in some} == {"postfix", "dovecot"}
    assert ("names", "https", "") in certificates.asked(None)


def test_certificates_that_differ() -> None:
    """A port that still shows the old one is told."""
    name = "mail.example.org"
    seen = {"postfix.smtp": certificate(name, 60), "dovecot.imaps": certificate(name, 50)}
    assert ("warning", "tls.same") in worst(certificates.judge(seen, name, "x"))


@pytest.mark.parametrize(
    ("skew", "severity"), [(0.3, "ok"), (-2.5, "warning"), (60.0, "warning"), (-4000.0, "failure")]
)
def test_a_clock_that_is_off(skew: float, severity: str) -> None:
    """Two seconds are a warning, minutes break signatures."""
    assert clock.judge(skew).severity == severity


@pytest.mark.parametrize(
    ("codes", "severity"),
    [(("127.0.0.2",), "failure"), (("127.255.255.254",), "unknown")],
)
def test_answers_of_a_blocklist(codes: tuple[str, ...], severity: str) -> None:
    """An error code of a list is no listing."""
    assert names._entry("192.0.2.1", "zen.example", codes).severity == severity


def test_an_old_message(tmp_path: Path) -> None:
    """The oldest message is named with its reason, and the command that sends it again."""
    old = {
        "queue_name": "deferred",
        "queue_id": "ABC123",
        "arrival_time": 1000,
        "recipients": [{"address": "a@b.example", "delay_reason": "connection refused"}],
    }
    finding = queue.judge([old], 1000 + 5 * 3600, context(tmp_path))
    assert finding.severity == "warning"
    assert "connection refused" in finding.what
    assert finding.fix.endswith("-i ABC123")
    assert queue.judge([old], 1000 + 3600, context(tmp_path)).severity == "ok"
    assert queue.judge([], 0, context(tmp_path)).severity == "ok"


async def test_a_secret_that_others_can_read(tmp_path: Path) -> None:
    """Of all files in the folder only the public chain may be read by others."""
    (tmp_path / "secure" / "tls").mkdir(parents=True)
    for name, mode in (("api.token", 0o640), ("dkim.private", 0o600), ("tls/fullchain.pem", 0o644)):
        (tmp_path / "secure" / name).touch()
        (tmp_path / "secure" / name).chmod(mode)
    found = await secrets(context(tmp_path))
    assert [f.fix for f in found] == [f"chmod 600 {tmp_path}/secure/api.token"]


async def test_services_and_configurations(tmp_path: Path) -> None:
    """A service that is ill and a configuration that is refused are different findings."""
    good = {"state": "healthy", "reason": "", "config": {"state": "applied", "reason": ""}}
    ill = {**good, "state": "failed", "reason": "died"}
    refused = {**good, "config": {"state": "refused", "reason": "main.cf:3: bad"}}
    status = {"services": {"postfix": refused, "spamd": ill, "dovecot": good}}
    (one,) = await services(context(tmp_path, status))
    (other,) = await overrides(context(tmp_path, status))
    assert "spamd" in one.what
    assert "main.cf:3" in other.what
    assert (await services(context(tmp_path)))[0].fix == "mailstack up --detach"
    assert (await overrides(context(tmp_path)))[0].severity == "unknown"


async def test_the_age_of_the_copy(tmp_path: Path) -> None:
    """No copy, and one that is too old, are warnings; a fresh one is well."""
    folder = tmp_path / "data" / "backup" / "copies"
    folder.mkdir(parents=True)

    async def seen() -> str:
        return (await datastore(context(tmp_path)))[1].severity

    assert await seen() == "warning"
    copy = folder / "mailstack-20260101T000000Z.jsonl.gz"
    copy.touch()
    assert await seen() == "ok"
    os.utime(copy, (time.time() - 10**6,) * 2)
    assert await seen() == "warning"


async def test_a_check_that_breaks_is_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An error or a hang of one check lets the others tell; the error is logged with its type."""

    async def breaks(_: Context) -> Found:
        raise OSError("no route")

    async def hangs(_: Context) -> Found:
        await asyncio.Event().wait()
        return []

    async def works(_: Context) -> Found:
        return [Finding("ok", "c", "fine")]

    entries = [Entry("a", "G", breaks), Entry("b", "G", hangs, 0.01), Entry("c", "G", works)]
    ended: list[str] = []
    results = await run(context(tmp_path), entries, lambda entry: ended.append(entry.key))
    assert [r.findings[0].severity for r in results] == ["unknown", "unknown", "ok"]
    assert sorted(ended) == ["a", "b", "c"]
    assert caplog.messages == ["doctor: a: OSError: no route"]


def test_what_is_kept() -> None:
    """All numbers, and what is not well: failures first, as far as there is room."""
    warnings = (Finding("warning", "a", "so so"),) * MAX_FINDINGS
    findings = (Finding("ok", "a", "fine"), *warnings, Finding("failure", "b", "broken"))
    found = examination([Result(CHECKS[0], findings)], 1_795_000_000.7)
    counts = {"ok": 1, "warning": MAX_FINDINGS, "failure": 1, "unknown": 0}
    assert found.at == 1_795_000_000
    assert found.checks[CHECKS[0].key].model_dump() == found.sum().model_dump() == counts
    assert len(found.findings) == MAX_FINDINGS
    assert [f.key for f in found.findings[:2]] == ["b", "a"]


def test_keys_that_cannot_be_asked_for_cost_no_other_finding(tmp_path: Path) -> None:
    """Whether it is signed is unknown then; what the canary has shown before stands."""
    finding = signed(context(tmp_path), b"Subject: canary\r\n\r\n")
    assert (finding.severity, finding.key) == ("unknown", "canary.sign")
    assert "could not ask for the keys" in finding.what


def test_keys_are_unique() -> None:
    """``--only`` means one check."""
    keys = [entry.key for entry in CHECKS]
    assert len(set(keys)) == len(keys)
