"""What the doctor asks out there: the domain's own signed zone on a real BIND, and time servers."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import dns.rrset
from tests.e2e.doctor import time_server
from tests.e2e.stack import Stack
from tests.e2e.traffic import wait_until
from tests.nameserver import NameServer, named

from mailstack.demo import network
from mailstack.demo.internet import SmallInternet
from mailstack.demo.throwaway import DOMAIN
from mailstack.dns.ask import DNS_PORT

OVERRIDE = "resolver/zone.conf"
PATIENCE_S = 90.0
RIGHT, AHEAD = 70, 71
"""Strangers that tell the time: this machine's, and one ten minutes ahead."""
_PRIMARY, _FORGER = 72, 73
_AHEAD_S = 600.0


@dataclass(frozen=True, slots=True)
class Zone:
    """The stack's domain, as its owner publishes it."""

    stack: Stack
    runner: asyncio.Runner
    server: NameServer

    def remove(self, name: str, kind: str) -> None:
        self.runner.run(self.server.remove(DOMAIN, name, kind))

    def put(self, name: str, kind: str, *data: str) -> None:
        self.runner.run(self.server.put(DOMAIN, name, kind, *data))

    @contextmanager
    def forged(self) -> Iterator[None]:
        """Have a server answer whose copy of the zone was changed and not signed anew."""
        records = self.runner.run(self.server.records(DOMAIN))
        lines = [
            f"{owner} 5 IN {kind} {_changed(data) if kind == 'SOA' else data}\n"
            for owner, kind, data in sorted(records, key=lambda record: record[1] != "SOA")
        ]
        internet = self.stack.internet
        forger = named(
            {DOMAIN: "".join(lines)},
            address=_address(internet, _FORGER),
            port=DNS_PORT,
            netns=internet.plan.namespace,
            updates=False,
        )
        server = self.runner.run(forger.__aenter__())
        try:
            self.lead_to(server.address)
            yield
        finally:
            self.lead_to(self.server.address)
            self.runner.run(forger.__aexit__(None, None, None))

    def lead_to(self, address: str) -> None:
        """Have the stack's resolver find the domain there, and trust the zone's own key."""
        key = _key(self.server)
        self.stack.override(
            OVERRIDE,
            f'server:\n    trust-anchor: "{DOMAIN}. DNSKEY {key}"\n'
            f'forward-zone:\n    name: "{DOMAIN}"\n    forward-addr: {address}@{DNS_PORT}\n',
        )
        # committed first: a process that starts meanwhile would have read what was there before
        conf = self.stack.state / "conf" / "resolver" / "current"
        wait_until(lambda: any(address in file.read_text() for file in conf.iterdir()))
        self.stack.wait_for_another("resolver", self.stack.kill("resolver"))


@contextmanager
def published(stack: Stack, runner: asyncio.Runner) -> Iterator[Zone]:
    """Load what ``mailstack dns records --zone`` prints, signed."""
    internet = stack.internet
    server = named(
        {DOMAIN: stack.cli("dns", "records", DOMAIN, "--zone")},
        dnssec=(DOMAIN,),
        address=_address(internet, _PRIMARY),
        port=DNS_PORT,
        netns=internet.plan.namespace,
    )
    zone = Zone(stack, runner, runner.run(server.__aenter__()))
    try:
        zone.lead_to(zone.server.address)
        yield zone
    finally:
        runner.run(server.__aexit__(None, None, None))


@contextmanager
def telling_the_time(internet: SmallInternet) -> Iterator[None]:
    """Run a time server that is right, and one that is not."""
    with _clock(internet, RIGHT, 0.0), _clock(internet, AHEAD, _AHEAD_S):
        yield


@contextmanager
def _clock(internet: SmallInternet, stranger: int, ahead_s: float) -> Iterator[None]:
    words = [time_server.__file__, internet.plan.stranger(stranger), "123", str(ahead_s)]
    with subprocess.Popen(
        [*network.inside(internet.plan), sys.executable, *words], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


def _address(internet: SmallInternet, stranger: int) -> str:
    """Give an address to an interface out there: BIND listens on no other."""
    address = internet.plan.stranger(stranger)
    words = ["address", "replace", f"{address}/32", "dev", "lo"]
    subprocess.run(["ip", "-n", internet.plan.namespace, *words], check=True)
    return address


def _changed(soa: str) -> str:
    primary, owner, serial, *times = soa.split()
    return " ".join((primary, owner, str(int(serial) + 1), *times))


def _key(server: NameServer) -> str:
    """Wait until the zone is signed; return its key."""
    deadline = time.monotonic() + PATIENCE_S
    query = dns.message.make_query(DOMAIN, "DNSKEY", want_dnssec=True)
    while time.monotonic() < deadline:
        try:
            found = dns.query.udp(query, server.address, 2, server.port).answer
        except (OSError, dns.exception.DNSException):
            found = []
        if any(rrset.rdtype == dns.rdatatype.RRSIG for rrset in found):
            return next(_keys(found))
        time.sleep(0.1)
    raise AssertionError(server.log)


def _keys(found: list[dns.rrset.RRset]) -> Iterator[str]:
    for rrset in found:
        if rrset.rdtype == dns.rdatatype.DNSKEY:
            yield from (record.to_text() for record in rrset)
