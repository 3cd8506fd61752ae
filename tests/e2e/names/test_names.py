"""What the outside fetches of a domain's well-known names, and a key that GnuPG takes."""

import http.client
import plistlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.stack import Stack
from tests.openpgp import Keyring, wks_hash

from mailstack.demo.client import trusting
from mailstack.model.openpgp_packets import read_key
from mailstack.protocols.mta_sts import read_policy


@pytest.fixture
def keyring() -> Iterator[Keyring]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="gpg-") as folder:
        ring = Keyring(Path(folder))
        yield ring
        ring.stop()


def fetch(stack: Stack, host: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Ask from a stranger's address, and trust nothing but the stack's certificate."""
    at = stack.throwaway.endpoint("names", "https")
    context = trusting(stack.throwaway.certificate)
    plain = stack.internet.connect(stack.internet.plan.stranger(7), at, timeout_s=60)
    with context.wrap_socket(plain, server_hostname=stack.throwaway.hostname) as tls:
        connection = http.client.HTTPConnection(host)
        connection.sock = tls
        connection.request("POST" if body else "GET", path, body or None)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_a_domain_is_served_as_soon_as_it_is_added(stack: Stack) -> None:
    """From nobody's to ours and back, without a restart; each kind of client is told the host."""
    pid = stack.pid("names")
    domain = f"{stack.fresh('wellknown')}.example"
    policy = (f"mta-sts.{domain}", "/.well-known/mta-sts.txt")
    assert fetch(stack, *policy)[0] == 421
    stack.cli("domain", "add", domain)
    status, text = fetch(stack, *policy)
    assert (status, read_policy(text).mode) == (200, "testing")
    host = stack.throwaway.hostname.encode()
    asked = f"<a><Request><EMailAddress>ann@{domain}</EMailAddress></Request></a>".encode()
    for name, path, body in (
        (f"autoconfig.{domain}", "/", b""),
        (f"autoconfig.{domain}", "/mail/config-v1.1.xml", b""),
        (domain, "/.well-known/autoconfig/mail/config-v1.1.xml", b""),
        (f"autodiscover.{domain}", "/autodiscover/autodiscover.xml", asked),
        (domain, f"/apple/ann@{domain}.mobileconfig", b""),
    ):
        status, text = fetch(stack, name, path, body)
        assert (status, host in text) == (200, True), (name, path, text)
    profile = plistlib.loads(fetch(stack, domain, f"/apple/ann@{domain}.mobileconfig")[1])
    assert profile["PayloadContent"][0]["IncomingMailServerPortNumber"] == (
        stack.throwaway.endpoint("dovecot", "imaps").port
    )
    assert fetch(stack, domain, "/.well-known/security.txt")[1].startswith(b"Contact: mailto:")
    stack.cli("domain", "remove", domain, "--yes")
    assert fetch(stack, *policy)[0] == 421
    assert stack.pid("names") == pid


def test_a_key_is_found_by_the_world(stack: Stack, keyring: Keyring) -> None:
    """``user key`` publishes it where GnuPG computes that it is; the user's removal ends that."""
    user = stack.user()
    name, _, domain = user.address.partition("@")
    keyring.make(f"Somebody <{user.address}>")
    stack.cli(
        "user", "key", user.address, "-", stdin=keyring.export(user.address, "--armor").decode()
    )
    found = f"/.well-known/openpgpkey/{domain}/hu/{wks_hash(user.address)}?l={name}"
    status, key = fetch(stack, f"openpgpkey.{domain}", found)
    shown = keyring.gpg("--show-keys", "--with-colons", stdin=key).decode()
    assert status == 200
    assert f":{read_key(keyring.export(user.address)).fingerprint}:" in shown
    stack.cli("user", "remove", user.address, "--yes")
    assert fetch(stack, f"openpgpkey.{domain}", found)[0] == 404
