"""A stack whose resolver trusts one signed zone, and a host of MTA-STS policies outside."""

import asyncio
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rdatatype
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests import policy_host
from tests.e2e.stack import Stack, User, missing, running
from tests.folder import state_folder
from tests.nameserver import NameServer, named

from mailstack.demo import letter, network
from mailstack.demo.client import hand_over
from mailstack.demo.internet import SmallInternet, small_internet
from mailstack.demo.keys import self_signed
from mailstack.demo.records import OTHER, txt
from mailstack.topology.stack import STACK

SIGNED = "signed.example"
_NAMED_PORT = 5300
_WAIT_S = 90.0


@dataclass
class Outbound:
    """The stack, and what a test of outgoing mail does with it."""

    stack: Stack
    folder: Path
    """Of the policies and certificates outside."""
    user: User
    host: subprocess.Popen[bytes] = field(repr=False)

    @property
    def internet(self) -> SmallInternet:
        return self.stack.internet

    def promise(self, domain: str, mode: str, server: str, *, mx: str) -> None:
        """Publish a domain with a policy: ``mx`` is where its mail goes, ``server`` is promised."""
        self.internet.publish(
            {
                domain: {"MX": (f"10 {mx}.",)},
                f"_mta-sts.{domain}": {"TXT": (txt("v=STSv1; id=1;"),)},
                f"mta-sts.{domain}": {"A": (self.internet.plan.stranger(60),)},
            }
        )
        self.write_policy(domain, mode, server)

    def write_policy(self, domain: str, mode: str, server: str) -> None:
        text = f"version: STSv1\r\nmode: {mode}\r\nmx: {server}\r\nmax_age: 604800\r\n"
        (self.folder / f"{domain}.txt").write_text(text)

    def send(self, recipient: str) -> dict[Path, int]:
        """Have the user write to ``recipient``; return the logs' sizes before."""
        sizes = self.stack.log_sizes()
        octets = letter.write(self.user.address, recipient, "outbound", "hello")
        with self.stack.submission(self.user) as session:
            assert hand_over(session, self.user.address, [recipient], octets).code == 250
        return sizes

    def fate(self, recipient: str) -> str:
        """Send, and wait until Postfix says what became of it; return its log."""
        sizes = self.send(recipient)
        found = re.compile(rf"to=<{re.escape(recipient)}>.* status=\w+ .*")
        deadline = time.monotonic() + _WAIT_S
        while True:
            log = self.stack.log_since(sizes).get("postfix", "")
            if found.search(log):
                return log
            assert time.monotonic() < deadline, log
            time.sleep(0.1)

    def arrived(self, recipient: str) -> bool:
        return bool(self.internet.received(recipient=recipient, timeout_s=0.1))

    def close_policy_host(self) -> None:
        self.host.kill()
        self.host.wait()


@contextmanager
def _policy_host(internet: SmallInternet, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    address, port = internet.plan.stranger(60), STACK.internet_ports["https"]
    python = [sys.executable, policy_host.__file__, address, str(port), str(folder)]
    with subprocess.Popen(
        [*network.inside(internet.plan), *python], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def certificate(internet: SmallInternet, host: str) -> x509.Certificate:
    """Return what an outside mail server shows."""
    pem = (internet.control.parent / f"{host}.pem").read_bytes()
    return x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :])


POLICIES = (
    "enforced.example",
    "untrusted.example",
    "elsewhere.example",
    "testing.example",
    f"both.{SIGNED}",
)
"""Domains with a certificate for their policy."""


@pytest.fixture(scope="module")
def outbound() -> Iterator[Outbound]:
    """A stack that trusts the policies' certificates and that of OTHER, but not FRIEND's."""
    if reason := missing():
        pytest.skip(reason)
    with (
        state_folder() as folder,
        state_folder() as outside,
        state_folder() as policies,
        small_internet(outside) as internet,
        _policy_host(internet, policies) as host,
    ):
        trusted = [certificate(internet, f"mail.{OTHER}").public_bytes(Encoding.PEM)]
        for domain in POLICIES:
            pem = self_signed(f"mta-sts.{domain}")
            (policies / f"{domain}.pem").write_bytes(pem)
            trusted.append(pem[pem.index(b"-----BEGIN CERT") :])
        (outside / "trusted.pem").write_bytes(b"".join(trusted))
        settings = {
            "dns.dnssec": "true",
            "tls_policy.ca_file": str(outside / "trusted.pem"),
        }
        insecure = "".join(
            f'    domain-insecure: "{name}"\n' for name in ("example", "arpa", "invalid")
        )
        resolver = folder / "var" / "overrides" / "resolver" / "test.conf"
        resolver.parent.mkdir(parents=True)
        resolver.write_text(f"server:\n{insecure}")
        with running(folder, internet, settings) as stack:
            yield Outbound(stack, policies, stack.user(), host)


def tlsa(internet: SmallInternet, host: str) -> str:
    """Return the TLSA data that matches what ``host`` shows: DANE-EE, its key, SHA-256."""
    key = certificate(internet, host).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"3 1 1 {hashlib.sha256(der).hexdigest()}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def signed(outbound: Outbound) -> AsyncIterator[NameServer]:
    """A signed zone outside that the stack's resolver trusts: one server keeps its promise."""
    internet = outbound.internet
    good = tlsa(internet, f"mail.{OTHER}")
    zone = (
        f"right MX 10 mx1.{SIGNED}.\nwrong MX 10 mx2.{SIGNED}.\nboth MX 10 mx3.{SIGNED}.\n"
        f'_mta-sts.both TXT "v=STSv1; id=1"\nmta-sts.both A {internet.plan.stranger(60)}\n'
        f"mx1 A {internet.plan.other}\nmx2 A {internet.plan.friend}\nmx3 A {internet.plan.other}\n"
        f"_25._tcp.mx1 TLSA {good}\n_25._tcp.mx2 TLSA {good}\n"
        f"_25._tcp.mx3 TLSA 3 1 1 {'00' * 32}\n"
    )
    async with named(
        {SIGNED: zone},
        dnssec=(SIGNED,),
        address=internet.plan.nameserver,
        port=_NAMED_PORT,
        netns=internet.plan.namespace,
    ) as server:
        anchor = await _anchor(server)
        file = outbound.stack.override(
            "resolver/signed.conf",
            f'server:\n    trust-anchor: "{SIGNED}. {anchor}"\n'
            f'forward-zone:\n    name: "{SIGNED}"\n'
            f"    forward-addr: {server.address}@{server.port}\n",
        )
        await _validated(outbound.stack)
        yield server
        file.unlink()


async def _anchor(server: NameServer) -> str:
    """Wait until the zone is signed; return its key."""
    async with asyncio.timeout(_WAIT_S):
        while True:
            query = dns.message.make_query(SIGNED, "DNSKEY", want_dnssec=True)
            try:
                reply = await dns.asyncquery.udp(query, server.address, 2, server.port)
            except (OSError, dns.exception.DNSException):
                reply = None
            found = [] if reply is None else reply.answer
            if any(rrset.rdtype == dns.rdatatype.RRSIG for rrset in found):
                (key,) = (r for r in found if r.rdtype == dns.rdatatype.DNSKEY)
                return f"DNSKEY {key[0].to_text()}"
            await asyncio.sleep(0.1)


async def _validated(stack: Stack) -> None:
    """Wait until the stack's resolver vouches for the zone."""
    at = STACK.service("resolver").port("dns").number + stack.throwaway.offset
    query = dns.message.make_query(f"right.{SIGNED}", "MX", want_dnssec=True)
    async with asyncio.timeout(_WAIT_S):
        while True:
            try:
                reply = await dns.asyncquery.udp(query, "127.0.0.1", 2, at)
            except (OSError, dns.exception.DNSException):
                continue
            if reply.flags & dns.flags.AD:
                return
            await asyncio.sleep(0.1)
