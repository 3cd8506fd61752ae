"""Reports of others about our domains: delivered, read, and shown by ``mailstack reports``."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.e2e.stack import Stack
from tests.unit.reports import samples

from mailstack.demo import letter
from mailstack.demo.client import hand_over
from mailstack.demo.records import FRIEND

NOW = int(time.time())
BEGIN, END = NOW - 90_000, NOW - 4000


def dmarc(domain: str, identity: str) -> bytes:
    document = samples.DMARC.replace(b"home.example", domain.encode())
    document = document.replace(b">123<", f">{identity}<".encode())
    return document.replace(str(samples.BEGIN).encode(), str(BEGIN).encode()).replace(
        str(samples.END).encode(), str(END).encode()
    )


def tls(domain: str) -> bytes:
    day = time.strftime("%Y-%m-%d", time.gmtime(NOW - 86_400)).encode()
    return samples.TLS.replace(b"2023-11-14", day).replace(
        b'"home.example"', f'"{domain}"'.encode()
    )


def deliver(stack: Stack, to: str, payload: bytes, *, subject: str, sign: bool = True) -> None:
    octets = samples.message(payload, "octet-stream", subject)
    octets = octets.replace(b"reports@google.com", f"reports@{FRIEND}".encode())
    if sign:
        octets = letter.sign(octets, stack.internet.key, FRIEND)
    with stack.session() as session:
        reply = hand_over(session, f"reports@{FRIEND}", [to], octets)
    assert reply.code == 250, reply


def wait_for(stack: Stack, domain: str, ready: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - parsed JSON
    """Wait until what is told about a domain is as it will be."""
    deadline = time.monotonic() + 60
    while True:
        shown = json.loads(stack.cli("reports", domain, "--json"))
        if shown and ready(shown[0]):
            return shown[0]
        assert time.monotonic() < deadline, shown
        time.sleep(0.5)


def wait_until_counted(stack: Stack) -> None:
    """Wait until the pass that read a bomb has ended, and its numbers are there."""
    numbers, deadline = stack.state / "run" / "reports.prom", time.monotonic() + 60
    refused = 'mailstack_reports_received_total{outcome="refused"} '
    while not numbers.exists() or f"{refused}0.0" in numbers.read_text():
        assert time.monotonic() < deadline, "nothing is counted"
        time.sleep(0.2)
    assert refused in numbers.read_text()


def test_a_report_is_shown(stack: Stack) -> None:
    """It reaches the mailbox behind the published address, and is in the table soon after."""
    domain, user = stack.domain(), stack.user()
    stack.alias(f"postmaster@{domain}", user.address)
    subject = f"Report Domain: {domain} Submitter: google.com Report-ID: 1"
    deliver(stack, f"postmaster@{domain}", samples.zipped(dmarc(domain, "1")), subject=subject)
    stack.delivered(user, subject, timeout_s=60)
    shown = wait_for(stack, domain, lambda found: found["messages"] == 9)
    assert (shown["domain"], shown["passed"]) == (domain, 7)
    (report,) = shown["reports"]
    assert (report["reporter"], report["proven"], report["signed_by"]) == (
        "google.com",
        True,
        [FRIEND],
    )
    text = stack.cli("reports", "show", domain)
    assert f"{domain}: 1 reports, 9 messages, 77.7 % pass DMARC" in text
    assert f"192.0.2.1\t7\tpass\tfail\tnone\t{domain}\tgoogle.com" in text
    assert stack.cli("reports", domain, "--since", "2000-01-01") == text
    assert f'"domain":"{domain}","items":[{{"kind":"dmarc"' in stack.cli("export")


def test_nobody_signed_it(stack: Stack) -> None:
    """A report that anybody may have written is marked as such."""
    domain = stack.domain()
    subject = f"Report Domain: {domain}"
    to = stack.user().address
    deliver(stack, to, dmarc(domain, "2"), subject=subject, sign=False)
    wait_for(stack, domain, lambda found: found["messages"] == 9)
    assert "1 of unproven origin" in stack.cli("reports", domain)
    assert "google.com (unproven)" in stack.cli("reports", domain)


def test_tls_reports(stack: Stack) -> None:
    """What others could not send to us over TLS."""
    domain = stack.domain()
    subject = f"Report Domain: {domain} Submitter: x"
    deliver(stack, stack.user().address, tls(domain), subject=subject)
    wait_for(stack, domain, lambda found: bool(found["tls"]))
    text = stack.cli("reports", domain)
    assert f"{domain}: 1 reports, 5629 TLS sessions, 303 failed" in text
    assert "Company-X\tcertificate-expired\tmail.home.example\t100" in text


@pytest.fixture
def refused(stack: Stack) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command that fails."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = stack.throwaway.run(*arguments)
        assert done.returncode == 1, done
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return done

    return run


def test_nothing_yet(stack: Stack) -> None:
    """One line, and no failure."""
    domain = stack.domain()
    assert stack.cli("reports", domain, "--days", "3") == (
        f"no report about {domain} has come in within 3 days; others send them once a day\n"
    )
    assert stack.cli("reports", "sent", domain) == f"no report about {domain} has been sent yet\n"


def test_a_domain_that_is_not_ours(
    refused: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Told, with exit code 1."""
    assert "nowhere.example" in refused("reports", "nowhere.example").stderr


def test_hostile_reports(stack: Stack) -> None:
    """An entity bomb is delivered as the message it is; the log has one line, reports go on."""
    domain, sizes = stack.domain(), stack.log_sizes()
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "a">]><feedback>&a;</feedback>'
    subject = f"Report Domain: {domain}"
    to = stack.user().address
    deliver(stack, to, bomb, subject=subject)
    deliver(stack, to, dmarc("victim.example", "3"), subject=subject)
    deliver(stack, to, dmarc(domain, "3"), subject=subject)
    wait_for(stack, domain, lambda found: found["messages"] == 9)
    wait_until_counted(stack)
    log = stack.log_since(sizes)["contentfilter"]
    assert "declares a document type or entities" in log
    assert "about victim.example, which is no domain of ours" in log
