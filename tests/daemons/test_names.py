"""The web service of the domains' names before a real couchmail, asked by OpenSSL and GnuPG."""

import asyncio
import base64
import os
import plistlib
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.daemons.couchmail_stage import OFFSET, couchmail, put
from tests.daemons.stage import Running, make_certificate, running, site_for, state_folder, stop
from tests.openpgp import Keyring, wks_hash

from mailstack.aio.http_client import Peer
from mailstack.daemons import certificate
from mailstack.daemons.contract import NotReady
from mailstack.daemons.names import DAEMON
from mailstack.model.openpgp_packets import read_key
from mailstack.protocols.mta_sts import read_policy

ANNA = "anna@example.org"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "x" * 86


@pytest.fixture
def keyring() -> Iterator[Keyring]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="gpg-") as folder:
        ring = Keyring(Path(folder))
        yield ring
        ring.stop()


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        make_certificate(folder)
        (folder / "secure" / "api.token").write_text("t" * 64)
        (folder / "secure" / "api.token").chmod(0o644)
        yield folder


@asynccontextmanager
async def names(state: Path) -> AsyncIterator[Running]:
    async with running(DAEMON, site_for(DAEMON, state, offset=OFFSET)) as stage:
        await stage.healthy()
        yield stage


@pytest.fixture
async def store(state: Path) -> AsyncIterator[Running]:
    documents: dict[str, dict[str, Any]] = {
        "domains/example.org": {},
        "domains/closed.example": {"enabled": False},
        f"users/{ANNA}": {"password": HASH},
    }
    async with couchmail(state, documents) as stage:
        yield stage


@pytest.fixture
async def web(state: Path, store: Running) -> AsyncIterator[Running]:
    assert store.processes
    async with names(state) as stage:
        yield stage


class Got:
    """One answer."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = dict(line.lower().split(": ", 1) for line in lines[1:])


async def ask(
    stage: Running, host: str, path: str, *, method: str = "GET", body: str = "", more: str = ""
) -> Got:
    """Send one request over TLS."""
    endpoint = stage.site.addresses["names.https"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        data = await reader.read()
        writer.close()
        return Got(data)


def openssl(stage: Running, *arguments: str, stdin: bytes = b"") -> str:
    endpoint = stage.site.addresses["names.https"]
    done = subprocess.run(
        ["openssl", "s_client", "-connect", str(endpoint), *arguments],
        input=stdin, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout.decode("utf-8", "replace")


async def test_what_each_host_serves(web: Running) -> None:
    """Policy, settings of three kinds and security.txt; each page where its readers look."""
    policy = await ask(web, "mta-sts.example.org", "/.well-known/mta-sts.txt")
    assert read_policy(policy.body).mode == "testing"
    assert policy.headers["content-type"].startswith("text/plain")
    for host, path in (
        ("autoconfig.example.org", "/mail/config-v1.1.xml?emailaddress=anna%40example.org"),
        ("example.org", "/.well-known/autoconfig/mail/config-v1.1.xml"),
    ):
        found = await ask(web, host, path)
        assert b"<hostname>mail.example.org</hostname>" in found.body
        assert b"<port>993</port>" in found.body
    request = (
        '<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/'
        'autodiscover/outlook/requestschema/2006"><Request><EMailAddress>Anna@example.org'
        "</EMailAddress></Request></Autodiscover>"
    )
    outlook = await ask(
        web, "autodiscover.example.org", "/Autodiscover/Autodiscover.xml", method="POST",
        body=request,
    )  # fmt: skip
    assert b"<LoginName>anna@example.org</LoginName>" in outlook.body
    apple = await ask(web, "autoconfig.example.org", f"/mail.mobileconfig?email={ANNA}")
    assert plistlib.loads(apple.body)["PayloadContent"][0]["EmailAddress"] == ANNA
    for host in ("example.org", "mta-sts.example.org", "mail.example.org"):
        text = await ask(web, host, "/.well-known/security.txt")
        assert b"Contact: mailto:owner@example.org\r\n" in text.body


async def test_who_is_not_served(web: Running) -> None:
    """A host that is nobody's is told so, a path that is none too; nothing else happens."""
    for host in ("other.example", "mta-sts.closed.example", "closed.example", "[::1]", "a..b", "x"):
        assert (await ask(web, host, "/.well-known/mta-sts.txt")).status == 421, host
    for path in ("/", "/..%2f..%2fetc/passwd", "/.well-known/mta-sts.txt/", "//"):
        assert (await ask(web, "mta-sts.example.org", path)).status == 404, path
    assert (await ask(web, "example.org", "/.well-known/mta-sts.txt")).status == 404
    assert (await ask(web, "example.org", "/", method="PUT")).status == 405


async def test_pages_are_cached(web: Running) -> None:
    """A page has a name of its version, and is not sent twice; HEAD sends none."""
    first = await ask(web, "mta-sts.example.org", "/.well-known/mta-sts.txt")
    more = f"If-None-Match: {first.headers['etag']}\r\n"
    again = await ask(web, "mta-sts.example.org", "/.well-known/mta-sts.txt", more=more)
    assert (again.status, again.body) == (304, b"")
    head = await ask(web, "mta-sts.example.org", "/.well-known/mta-sts.txt", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["x-content-type-options"] == "nosniff"


async def test_gnupg_takes_the_key(web: Running, store: Running, keyring: Keyring) -> None:
    """The name of the key is the one that GnuPG computes, and GnuPG imports what is served."""
    keyring.make("Anna <anna@example.org>", "Anna <anna@private.example>")
    key = read_key(keyring.export(ANNA, "--armor")).for_address(ANNA)
    document = {"public": base64.b64encode(key.data).decode()}
    await put(store, (f"users/{ANNA}/openpgp", document))
    name = wks_hash(ANNA)
    for host, folder in (("openpgpkey.example.org", "/example.org"), ("example.org", "")):
        base = f"/.well-known/openpgpkey{folder}"
        found = await ask(web, host, f"{base}/hu/{name}?l=anna")
        assert found.headers["content-type"] == "application/octet-stream"
        shown = keyring.gpg("--show-keys", "--with-colons", stdin=found.body).decode()
        assert f":{key.fingerprint}:" in shown
        assert "private.example" not in shown
        assert (await ask(web, host, f"{base}/policy")).status == 200
        assert (await ask(web, host, f"{base}/hu/{name}?l=bert")).status == 404
        assert (await ask(web, host, f"{base}/hu/{name}")).status == 400


async def test_an_outage_is_no_absence(web: Running, store: Running) -> None:
    """Without couchmail, what was seen is served, and of the rest nobody says that it is not."""
    assert (await ask(web, "mta-sts.example.org", "/.well-known/mta-sts.txt")).status == 200
    await stop(store.processes[0])
    assert (await ask(web, "mta-sts.example.org", "/.well-known/mta-sts.txt")).status == 200
    unknown = await ask(web, "mta-sts.other.example", "/.well-known/mta-sts.txt")
    assert (unknown.status, unknown.headers["retry-after"]) == (503, "30")


async def test_another_certificate_drops_nobody(web: Running, state: Path) -> None:
    """OpenSSL is shown the new certificate, and a connection of before goes on."""
    before = await asyncio.to_thread(openssl, web, "-servername", "mail.example.org")
    endpoint = web.site.addresses["names.https"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
    make_certificate(state)
    assert certificate.renew(web.site)
    await DAEMON.reload(web.site, web.pid)
    await web.says("reads its configuration anew")
    after = await asyncio.to_thread(openssl, web, "-servername", "mail.example.org")
    assert _certificate(before) != _certificate(after)
    writer.write(b"GET /.well-known/security.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
    async with asyncio.timeout(60):
        assert b" 200 " in await reader.readline()
    writer.close()
    old = await asyncio.to_thread(openssl, web, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "BEGIN CERTIFICATE" not in old


def _certificate(said: str) -> str:
    return said[said.index("-----BEGIN") : said.index("-----END")]


async def test_nobody_holds_it_up(web: Running) -> None:
    """Who says nothing, too much, or nonsense is let go, and others are served."""
    endpoint = web.site.addresses["names.https"]
    silent = [await asyncio.open_connection(endpoint.host, endpoint.port) for _ in range(20)]
    for _, writer in silent[:10]:
        writer.write(os.urandom(64))
    large = f"X-Large: {'x' * 20_000}\r\n"
    with suppress(IndexError, ConnectionError):  # hung up on, with or without words
        assert (await ask(web, "example.org", "/", more=large)).status >= 400
    assert (await ask(web, "example.org", "/.well-known/security.txt")).status == 200
    for _, writer in silent:
        writer.close()


async def test_a_certificate_that_cannot_be_used_is_told(web: Running) -> None:
    """The probe names it; the one in force is shown on, until a good one is there."""
    file = web.site.paths.tls / "privkey.pem"
    good = file.read_bytes()
    file.write_bytes(b"nonsense")
    await DAEMON.reload(web.site, web.pid)
    await web.says("goes on as before")
    with pytest.raises(NotReady, match="certificate or key"):
        await DAEMON.probe(web.site)
    assert (await ask(web, "example.org", "/.well-known/security.txt")).status == 200
    file.write_bytes(good)
    await DAEMON.reload(web.site, web.pid)
    await web.says("reads its configuration anew")
    await DAEMON.probe(web.site)


async def test_one_client_leaves_room_for_others(web: Running) -> None:
    """So many connections of one address and no more; another address is served meanwhile."""
    endpoint = web.site.addresses["names.https"]
    held = [
        await asyncio.open_connection(endpoint.host, endpoint.port, local_addr=("127.0.0.9", 0))
        for _ in range(web.site.settings.names.connections_per_client + 1)
    ]
    async with asyncio.timeout(60):
        with suppress(ConnectionResetError):
            assert await held[-1][0].read() == b""
    numbers = Peer(web.site.addresses["names.http"], "none")
    page = (await numbers.ask("GET", "/metrics", timeout_s=60))[1]
    assert b"mailstack_names_limited_total 1.0" in page  # it was hung up on, and not waited for
    assert (await ask(web, "example.org", "/.well-known/security.txt")).status == 200
    for _, writer in held:
        writer.close()


async def test_it_is_small(web: Running) -> None:
    """A resident program of a few MiB, far below what its container may have."""
    text = await asyncio.to_thread(Path(f"/proc/{web.pid}/smaps_rollup").read_text)
    pss = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    assert pss < 32 * 1024
