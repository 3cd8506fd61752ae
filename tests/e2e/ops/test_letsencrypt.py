"""The certificate of a whole stack comes from an ACME authority (Pebble), and is renewed."""

import http.client
import imaplib
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.authority import leaf_for
from tests.e2e.ops.test_certificate import SHOWN, _any
from tests.e2e.stack import Stack, missing, running
from tests.e2e.traffic import flowing, wait_until
from tests.folder import state_folder
from tests.pebble import Pebble, pebble_beside

from mailstack.demo import letter, ports
from mailstack.demo.addresses import Plan
from mailstack.demo.client import trusting
from mailstack.demo.internet import SmallInternet, small_internet
from mailstack.demo.throwaway import DOMAIN
from mailstack.letsencrypt.names import SERVICE_NAMES
from mailstack.letsencrypt.pair import Shown, read
from mailstack.topology.stack import STACK

ISSUER = "Pebble Intermediate"
WEB = STACK.service("letsencrypt").port("web").number


@dataclass
class World:
    stack: Stack
    ca: Pebble

    @property
    def internet(self) -> SmallInternet:
        return self.stack.internet

    @property
    def tls(self) -> Path:
        return self.stack.state / "secure" / "tls"

    def certificate(self) -> Shown:
        file = self.tls / "fullchain.pem"
        return read(file.read_text(), file)

    def der(self) -> bytes:
        text = (self.tls / "fullchain.pem").read_text()
        return ssl.PEM_cert_to_DER_cert(text[: text.index("-----END") + 25])

    def page(self, name: str) -> tuple[int, str]:
        at = STACK.service("letsencrypt").port("http").number + self.stack.throwaway.offset
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{at}/{name}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def number(self, name: str) -> int:
        lines = self.page("metrics")[1].splitlines()
        return next(int(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))


def _addresses(plan: Plan, *domains: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Every name of the domains' services, as an owner would publish it."""
    return {
        f"{label}.{domain}": {"A": (plan.stack,)} for domain in domains for label in SERVICE_NAMES
    }


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A stack that gets its certificates from an authority."""
    if reason := missing():
        pytest.skip(reason)
    with state_folder() as folder, state_folder() as outside, small_internet(outside) as internet:
        internet.publish(_addresses(internet.plan, DOMAIN))
        offset = ports.free_offset(internet.plan)
        with pebble_beside(
            http_port=WEB + offset, dnsserver=internet.resolver.replace("@", ":")
        ) as ca:
            (folder / "ca.pem").write_bytes(ca.ca_file.read_bytes())  # where its account may pass
            settings = {
                "acme.enabled": "true",
                "acme.directory": ca.directory,
                "acme.ca_file": str(folder / "ca.pem"),
            }
            with running(folder, internet, settings) as stack:
                assert stack.throwaway.offset == offset
                yield World(stack, ca)


def _imap(stack: Stack) -> ssl.SSLSocket:
    at = stack.throwaway.endpoint("dovecot", "imap")
    session = stack.internet.connect(stack.internet.plan.friend, at)
    with session.makefile("rb") as lines:
        assert lines.readline().startswith(b"* OK")
        session.sendall(b"a STARTTLS\r\n")
        assert lines.readline().startswith(b"a OK")
    return _any().wrap_socket(session)


def _at_once(service: str, port: str) -> Callable[[Stack], ssl.SSLSocket]:
    def connect(stack: Stack) -> ssl.SSLSocket:
        at = stack.throwaway.endpoint(service, port)
        return _any().wrap_socket(stack.internet.connect(stack.internet.plan.friend, at))

    return connect


EVERY_PORT = {
    **SHOWN,
    "465": _at_once("postfix", "submissions"),
    "143": _imap,
    "443": _at_once("names", "https"),
}


def _shown(stack: Stack) -> dict[str, bytes]:
    found = {}
    for port, connect in EVERY_PORT.items():
        with connect(stack) as session:
            found[port] = session.getpeercert(binary_form=True) or b""
    return found


def test_the_first_certificate(world: World, measured: Callable[[str], None]) -> None:
    """It is ordered by itself, names each service, and is shown on every port."""
    wait_until(lambda: ISSUER in world.certificate().issuer)
    names = {f"{label}.{DOMAIN}" for label in SERVICE_NAMES}
    assert set(world.certificate().names) == names
    wait_until(lambda: set(_shown(world.stack).values()) == {world.der()})
    world.stack.wait_healthy()
    wait_until(lambda: world.page("readyz")[0] == 200)
    assert world.number("mailstack_certificate_expiry_seconds") == int(
        world.certificate().expires.timestamp()
    )
    assert world.number("mailstack_certificate_issued_total") == 1
    memory = world.stack.status()["services"]["letsencrypt"]["pss_kib"] / 1024
    measured(f"letsencrypt takes {memory:.1f} MiB while nothing is due")


def test_nobody_else_reads_the_account(world: World) -> None:
    """The account's key and what is planned are closed to every other account."""
    wait_until(lambda: ISSUER in world.certificate().issuer)
    folder = world.stack.state / "data" / "letsencrypt" / "account"
    uid = STACK.service("letsencrypt").account
    for path in (folder, *folder.iterdir()):
        assert path.stat().st_uid == uid, path
        assert not path.stat().st_mode & 0o077, path
    assert (world.tls / "privkey.pem").stat().st_mode & 0o777 == 0o600


def test_visitors_are_sent_to_https(world: World) -> None:
    """Port 80 sends everybody to the same page of port 443, and knows no proof by chance."""
    at = world.stack.throwaway.endpoint("letsencrypt", "web")
    https = world.stack.throwaway.endpoint("names", "https").port
    for path, status, target in (
        ("/a%20b?c=d", 301, f"https://mail.{DOMAIN}:{https}/a%20b?c=d"),
        ("/.well-known/acme-challenge/unknown", 404, None),
        ("/.well-known/acme-challenge/..%2faccount.pem", 404, None),
    ):
        with closing(http.client.HTTPConnection(at.host, at.port, timeout=60)) as visitor:
            visitor.request("GET", path, headers={"Host": f"mail.{DOMAIN}"})
            answer = visitor.getresponse()
            assert (answer.status, answer.headers["Location"]) == (status, target)


@contextmanager
def _idling(world: World, user: str, password: str) -> Iterator[ssl.SSLSocket]:
    """Open a session that waits for mail (RFC 2177)."""
    at = world.stack.throwaway.endpoint("dovecot", "imaps")
    context = trusting(world.stack.throwaway.certificate)
    context.check_hostname = False
    session = imaplib.IMAP4_SSL(at.host, at.port, ssl_context=context, timeout=60)
    session.login(user, password)
    session.select("INBOX")
    session.send(b"i1 IDLE\r\n")
    assert session.readline().startswith(b"+")
    assert isinstance(session.sock, ssl.SSLSocket)
    yield session.sock
    session.send(b"DONE\r\n")
    while not (line := session.readline()).startswith(b"i1 "):
        assert line, "the session has ended"
    assert line.startswith(b"i1 OK")
    assert session.noop()[0] == "OK"
    session.logout()


def _until_told(session: ssl.SSLSocket) -> None:
    """Wait for the server to tell of a message."""
    told = b""
    while b"EXISTS" not in told:
        more = session.recv(4096)
        assert more, "the session has ended"
        told += more


def test_a_renewal_under_load(world: World) -> None:
    """A renewal while mail flows drops no session and loses no message."""
    stack = world.stack
    wait_until(lambda: set(_shown(stack).values()) == {world.der()})
    before, pids = world.der(), {name: stack.pid(name) for name in ("postfix", "dovecot", "names")}
    reader, target = stack.user(), stack.user()
    with (
        _idling(world, reader.address, reader.password) as idle,
        stack.submission(reader) as writing,
        flowing(stack, target) as traffic,
    ):
        wait_until(lambda: bool(traffic.accepted))
        told = json.loads(stack.cli("certificate", "renew", "--force", "--json"))
        assert told["renewed"]
        assert world.der() != before
        wait_until(lambda: set(_shown(stack).values()) == {world.der()})
        more = len(traffic.accepted) + 5
        wait_until(lambda: len(traffic.accepted) >= more)
        subject = stack.fresh("sent over the old session")
        octets = letter.write(reader.address, reader.address, subject)
        assert not writing.sendmail(reader.address, [reader.address], octets)
        _until_told(idle)
    fate = traffic.fate()
    assert fate.accepted >= more
    assert not fate.lost
    assert not fate.bounced
    assert {name: stack.pid(name) for name in pids} == pids
    assert stack.delivered(reader, subject, timeout_s=60)
    stack.wait_healthy()


def test_a_domain_comes_and_goes(world: World) -> None:
    """The names of a new domain come into the certificate by themselves, and go with it."""
    stack = world.stack
    domain = f"{stack.fresh('domain')}.example"
    world.internet.publish(_addresses(world.internet.plan, domain))
    stack.cli("domain", "add", domain)
    wait_until(lambda: f"mta-sts.{domain}" in world.certificate().names, timeout_s=180)
    stack.cli("domain", "remove", domain)
    wait_until(lambda: f"mta-sts.{domain}" not in world.certificate().names, timeout_s=180)
    assert f"mta-sts.{DOMAIN}" in world.certificate().names


def test_a_failure_is_told_and_the_old_one_stays(world: World) -> None:
    """When our own name leads elsewhere there is no new one; status says why, until it is well."""
    stack = world.stack
    wait_until(lambda: set(_shown(stack).values()) == {world.der()})
    before, host = world.der(), stack.throwaway.hostname
    world.internet.publish({host: {"A": (world.internet.plan.other,)}})
    try:
        done = stack.throwaway.run("certificate", "renew", "--force")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert f"{host} cannot be proved to be ours" in done.stderr
        assert set(_shown(stack).values()) == {before}
        wait_until(lambda: host in stack.status()["services"]["letsencrypt"]["remark"])
        assert stack.status()["services"]["letsencrypt"]["state"] == "healthy"
        status, words = world.page("readyz")
        assert status == 503
        assert "the next try is at" in words
        assert world.number("mailstack_certificate_failures") == 1
    finally:
        world.internet.publish(_addresses(world.internet.plan, DOMAIN))
    stack.cli("certificate", "renew", "--force")
    assert world.der() != before
    wait_until(lambda: not stack.status()["services"]["letsencrypt"]["remark"])


def test_the_owners_own_stays(world: World) -> None:
    """A certificate that the owner put there is noticed and left alone."""
    wait_until(lambda: set(_shown(world.stack).values()) == {world.der()})
    ours = {name: (world.tls / name).read_text() for name in ("fullchain.pem", "privkey.pem")}
    try:
        _, own, key = leaf_for(world.stack.throwaway.hostname)
        (world.tls / "privkey.pem").write_bytes(key)
        (world.tls / "fullchain.pem").write_bytes(own)
        done = world.stack.throwaway.run("certificate", "renew", "--force")
        assert done.returncode == 1
        assert "is your own, and stays" in done.stderr
        assert (world.tls / "fullchain.pem").read_bytes() == own
        wait_until(lambda: "your own" in world.page("status")[1])
    finally:
        for name in ("privkey.pem", "fullchain.pem"):
            (world.tls / name).write_text(ours[name])
    wait_until(lambda: set(_shown(world.stack).values()) == {world.der()})
