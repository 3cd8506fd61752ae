"""Faults of a running stack, planted one after the other: each is found, with what mends it."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.e2e.doctor.examine import only, until
from tests.e2e.stack import SENDER, Stack

from mailstack.agent.secrets import CERTIFICATE, TLS_KEY
from mailstack.aio.files import replace_text
from mailstack.demo.throwaway import DOMAIN

HOST = f"mail.{DOMAIN}"
ARRIVED = re.compile(rb"T\x11(\d{10}) \d{6}")
"""Postfix's record of the time of arrival: type, length, seconds and microseconds (rec_type.h)."""


def pair(host: str, days: int) -> tuple[str, str]:
    """Return key and certificate as PEM; below 0 ``days`` it has ended by now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode(), certificate.public_bytes(Encoding.PEM).decode()


@contextmanager
def served(stack: Stack, key: str, certificate: str) -> Iterator[None]:
    """Put another pair where the owner's is, and that back at the end."""
    secure = stack.state / "secure"
    before = (secure / TLS_KEY).read_text(), (secure / CERTIFICATE).read_text()
    _put(stack, key, certificate)
    try:
        yield
    finally:
        _put(stack, *before)
        until(lambda: not {"tls", "config"} & _ill(stack))


def _put(stack: Stack, key: str, certificate: str) -> None:
    replace_text(stack.state / "secure" / TLS_KEY, key, mode=0o600)
    replace_text(stack.state / "secure" / CERTIFICATE, certificate)


def _ill(stack: Stack) -> set[str]:
    """Which of the two checks about certificates complain; a self-signed one is no complaint."""
    tls = {f["key"] for f in only(stack, "tls").findings if f["severity"] == "failure"}
    same = "tls.same" in only(stack, "tls").keys("warning")
    return ({"tls"} if tls or same else set()) | (
        {"config"} if only(stack, "config").of("failure") else set()
    )


def test_a_certificate_of_another_name(stack: Stack) -> None:
    """Every port shows it, and the name that was wanted is told."""
    with served(stack, *pair("mail.elsewhere.example", 90)):
        found = until(
            lambda: [f for f in only(stack, "tls").of("failure") if "names.https" in f["what"]]
        )
    assert found[0]["key"] == "tls.name"
    assert "mail.elsewhere.example" in found[0]["what"]
    assert f"not {HOST}" in found[0]["what"]
    assert "secure/tls" in found[0]["fix"]


def test_a_certificate_that_ends_soon(stack: Stack) -> None:
    """Below two weeks somebody has to do something."""
    with served(stack, *pair(HOST, 5)):
        found = until(
            lambda: [f for f in only(stack, "tls").of("warning") if f["key"] == "tls.expiry"]
        )
    assert "valid for 4 days" in found[0]["what"]


def test_a_certificate_that_has_ended(stack: Stack) -> None:
    """It does not come into force; the finding is that the owner's wish is not."""
    with served(stack, *pair(HOST, -3)):
        found = until(lambda: only(stack, "config").of("failure"))
    assert any("expired" in f["what"] for f in found)


def test_a_key_that_does_not_fit(stack: Stack) -> None:
    """The two files of different pairs are refused, and the one in force is served on."""
    key, _ = pair(HOST, 90)
    _, certificate = pair(HOST, 90)
    with served(stack, key, certificate):
        found = until(lambda: only(stack, "config").of("failure"))
        assert only(stack, "tls").of("failure") == []
    assert any("refuses its configuration" in f["what"] for f in found)


def test_a_datastore_that_is_gone(stack: Stack) -> None:
    """The service that cannot work is named, with its own words and where to read more."""
    file = stack.state / "data" / "couchmail" / "store" / "mail.sqlite"
    aside = file.with_name("aside")
    file.rename(aside)
    try:
        found = until(
            lambda: [f for f in only(stack, "services").of("failure") if "couchmail" in f["what"]]
        )
    finally:
        aside.rename(file)
    assert "not there" in found[0]["what"]
    assert found[0]["fix"].endswith("couchmail.log")
    until(lambda: not only(stack, "services").of("failure"))


def test_a_message_that_waits(stack: Stack) -> None:
    """An old message in the queue is told with its age, the reason, and how to send it on."""
    user = stack.user()
    before = (stack.state / "overrides" / "postfix" / "main.cf").read_text()
    stack.override("postfix/main.cf", f"{before}virtual_transport = lmtp:inet:127.0.0.1:1\n")
    try:
        until(lambda: _is_old(stack, user.address))
        (finding,) = until(lambda: only(stack, "queue").of("warning"))
    finally:
        stack.override("postfix/main.cf", before)
    assert "for 10." in finding["what"]
    assert "refused" in finding["what"]
    assert "postqueue" in finding["fix"]
    until(lambda: not only(stack, "config").of("failure"))
    until(lambda: _is_sent_on(stack))


def _is_old(stack: Stack, recipient: str) -> bool:
    """Have a message wait, and make its file say that it came ten hours ago."""
    waiting = [m for m in stack.queue() if m["queue_name"] == "deferred"]
    if not waiting:
        stack.send(recipient, "kept waiting", sender=SENDER)
        return False
    spool = stack.state / "data" / "postfix" / "spool" / "deferred"
    for message in waiting:
        (file,) = spool.rglob(str(message["queue_id"]))
        _make_older(file, hours=10)
    return True


def _is_sent_on(stack: Stack) -> bool:
    stack.flush_queue()
    time.sleep(1)  # for the try
    return not stack.queue()


def _make_older(file: Path, *, hours: int) -> None:
    """Change the time at which it came in its queue file, and not when it is tried again."""
    status = file.stat()
    with file.open("r+b") as opened:
        record = ARRIVED.search(opened.read())
        assert record is not None
        opened.seek(record.start(1))
        opened.write(b"%d" % (int(record[1]) - hours * 3600))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_canary_without_its_song(stack: Stack) -> None:
    """Mail that leaves unsigned is noticed by who verifies it, step by step."""
    stack.override("postfix/master.cf", "submission/inet/smtpd_milters =\n")
    try:
        found = until(
            lambda: [f for f in only(stack, "canary").of("failure") if f["key"] == "canary.sign"]
        )
    finally:
        (stack.state / "overrides" / "postfix" / "master.cf").unlink()
    assert "mailstack dkim show" in found[0]["fix"]
    until(lambda: not only(stack, "canary").of("failure"))
