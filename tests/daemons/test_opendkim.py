"""Real OpenDKIM behind real Postfix: users' mail is signed, everybody else's is verified.

Once as Debian has it, asking couchmail by scripts; and once as if it had been built without Lua and
Ed25519, as Alpine's is, with tables and a second signer of our own.
"""

import asyncio
import base64
import io
import os
import re
import smtplib
from collections.abc import AsyncIterator, Iterable
from contextlib import redirect_stdout, suppress
from datetime import UTC, datetime
from pathlib import Path

import dkim  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.daemons.mail_stage import MailStage, mail_stage
from tests.daemons.stage import commit, site_for, state_folder

from mailstack.daemons.opendkim import DAEMON, conf, signer
from mailstack.daemons.opendkim import tables as opendkim_tables
from mailstack.dkim.keys import make
from mailstack.dkim.master import MASTER, read_master
from mailstack.dkim.tables import Config, Tables
from mailstack.errors import ConfigError
from mailstack.model.dkim import Algorithm, DkimKey, record_name

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
"""The key of remote.example."""
HELLO = "From: carol@remote.example\nTo: bob@example.org\nSubject: hello\n\nhello\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["scripts", "tables"])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[MailStage]:
    features = None if request.param == "scripts" else ()
    async with mail_stage(features=features) as stage:
        ours = signer.attend(stage.opendkim.site, stage.opendkim.output.append)
        task = asyncio.create_task(ours)
        yield stage
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture(loop_scope="module")
async def stage(shared: MailStage) -> MailStage:
    shared.peers.reset()
    await settled(shared)
    return shared


only_once = pytest.mark.parametrize("shared", ["scripts"], indirect=True)
"""For what has nothing to do with keys, and is the same in both."""


async def settled(stage: MailStage) -> None:
    """OpenDKIM knows what couchmail does; where it asks for itself, it does anyway."""
    site = stage.opendkim.site
    if conf.has_scripts(site):
        return
    with redirect_stdout(io.StringIO()) as said:
        write_tables(stage)
    stage.opendkim.output += said.getvalue().splitlines()
    before = stage.opendkim.count("configuration reloaded from")
    await opendkim_tables.tell(site.paths.run / conf.PID_FILE)
    async with asyncio.timeout(60):
        while stage.opendkim.count("configuration reloaded from") == before:
            await DAEMON.probe(site)  # it reads them when a client comes


def write_tables(stage: MailStage) -> None:
    """As a pass does, of what couchmail is played to know."""
    fields = Config.read(stage.opendkim.site.paths.conf / opendkim_tables.FILE)
    written = Tables(fields, read_master(fields.secure / MASTER))
    for domain in stage.peers.domains:
        selector, _, sealed = stage.peers.keys.get(f"rsa:{domain}", "").partition(" ")
        key = {"algorithm": "rsa", "selector": selector, "sealed": sealed, "state": "signing"}
        written.add(domain, [key])
    written.write()
    for path in fields.folder.rglob("*"):
        os.chown(path, fields.uid, fields.gid)


def record(key: rsa.RSAPrivateKey) -> str:
    """The TXT record of a key, in strings of at most 255 octets (RFC 6376 3.6.2.2)."""
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    return " ".join(f'"{text[i : i + 200]}"' for i in range(0, len(text), 200))


def private_key(path: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def signed(text: str, *, selector: str = "out") -> str:
    """``text`` signed by remote.example."""
    pem = OUTSIDE.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    raw = text.replace("\n", "\r\n").encode()
    header: bytes = dkim.sign(raw, selector.encode(), b"remote.example", pem)
    return (header + raw).decode().replace("\r\n", "\n")


async def test_submitted_mail_is_signed(stage: MailStage) -> None:
    """What a user submits verifies with the public half of the one key."""
    text = "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: hi\r\n\r\nhi\r\n"
    await stage.as_user(lambda c: c.sendmail("alice@example.org", ["bob@example.org"], text))
    got = (await stage.delivered()).removesuffix(".\r\n").encode()
    key = private_key(stage.opendkim.site.paths.secure / "dkim.private")
    published = record(key).replace('" "', "").strip('"').encode()
    assert b"d=example.org; s=dkim;" in got
    assert dkim.verify(got, dnsfunc=lambda name, timeout=5: published)  # noqa: ARG005


def give_keys(stage: MailStage, domain: str = "example.org") -> dict[str, DkimKey]:
    """Keys of a domain's own for both algorithms; couchmail tells of them from now on."""
    master = read_master(stage.opendkim.site.paths.secure / MASTER)
    made: dict[str, DkimKey] = {}
    algorithms: tuple[Algorithm, ...] = ("rsa", "ed25519")
    for algorithm in algorithms:
        key = make(
            master, domain, algorithm,
            prefix="own", taken=(), now=datetime.now(UTC), state="signing",
        )  # fmt: skip
        made[algorithm] = key
        stage.peers.keys[f"{algorithm}:{domain}"] = f"{key.selector} {key.private}"
    return made


async def submitted(stage: MailStage) -> bytes:
    """What the world gets of a user's message."""
    await settled(stage)
    text = "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: hi\r\n\r\nhi\r\n"
    await stage.as_user(lambda c: c.sendmail("alice@example.org", ["bob@example.org"], text))
    return (await stage.delivered()).removesuffix(".\r\n").encode()


def verified(message: bytes, keys: Iterable[DkimKey], domain: str = "example.org") -> list[str]:
    """Algorithms of the signatures, each of which dkimpy verifies by the published record."""
    records = {f"{record_name(k.selector, domain)}.".encode(): k.record.encode() for k in keys}
    found = re.findall(rb"DKIM-Signature: v=1; a=([a-z0-9]+)-sha256", message)
    for number in range(len(found)):
        one = dkim.DKIM(message)
        assert one.verify(number, dnsfunc=lambda name, timeout=5: records.get(name, b""))  # noqa: ARG005
    return sorted(name.decode() for name in found)


async def test_a_domain_signs_with_its_own_keys(stage: MailStage) -> None:
    """Two signatures, RSA and Ed25519, both verified by another library; no reload was needed."""
    assert b"s=dkim;" in await submitted(stage)
    keys = give_keys(stage)
    assert verified(await submitted(stage), keys.values()) == ["ed25519", "rsa"]


async def test_another_key_signs_from_the_next_message(stage: MailStage) -> None:
    """A rotation is nothing that OpenDKIM must be told."""
    first, second = give_keys(stage), give_keys(stage)
    assert verified(await submitted(stage), second.values()) == ["ed25519", "rsa"]
    assert first["rsa"].public != second["rsa"].public


async def test_what_scripts_send_has_both_signatures(stage: MailStage) -> None:
    """A vacation reply is signed like a user's own message."""
    keys = give_keys(stage)
    await settled(stage)
    await stage.as_script("", "bob@example.org", "From: alice@example.org\nSubject: x\n\nx\n")
    got = (await stage.delivered()).removesuffix(".\r\n").encode()
    assert verified(got, keys.values()) == ["ed25519", "rsa"]


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
async def test_a_key_that_cannot_be_opened_holds_nothing_up(
    stage: MailStage, algorithm: str
) -> None:
    """Sealed under another master key, or for another domain: the stack's key, of RSA, signs."""
    give_keys(stage, "other.example")
    foreign = stage.peers.keys[f"{algorithm}:other.example"]
    selector, sealed = foreign.split()
    changed = f"{selector} {sealed[:-8]}AAAA{sealed[-4:]}"
    for wrong in (foreign, changed, f"{selector} 2:zzzz"):
        keys = give_keys(stage)
        stage.peers.keys[f"{algorithm}:example.org"] = wrong
        got = await submitted(stage)
        if algorithm == "rsa":
            assert b"s=dkim;" in got
            assert got.count(b"DKIM-Signature:") == 2
        else:
            assert verified(got, keys.values()) == ["rsa"]
        await stage.opendkim.says(f"the {algorithm} key of example.org cannot be used: ")


def _devices() -> list[Path]:
    return sorted(Path("/dev").iterdir())


@only_once
async def test_its_lines_are_in_our_log(stage: MailStage) -> None:
    """OpenDKIM logs by syslog alone; what it signs is told in our stream all the same."""
    devices = _devices()
    await stage.as_script("", "bob@example.org", "From: alice@example.org\nSubject: x\n\nx\n")
    await stage.delivered()
    await stage.opendkim.says("info: ")
    await stage.opendkim.says("DKIM-Signature field added (s=dkim, d=example.org)")
    assert _devices() == devices


async def test_a_vacation_reply_is_signed(stage: MailStage) -> None:
    """A script's own message, from a user of ours and with no sender, is signed like a user's."""
    text = "From: Alice <alice@EXAMPLE.org>\nTo: bob@example.org\nSubject: away\n\naway\n"
    await stage.as_script("", "bob@example.org", text)
    assert "d=example.org; s=dkim;" in await stage.delivered()


async def test_a_redirected_message_keeps_its_own_signature(stage: MailStage) -> None:
    """What is redirected for somebody outside gets none of ours; its own still verifies."""
    stage.peers.records["out._domainkey.remote.example.", "TXT"] = record(OUTSIDE)
    await stage.as_script("alice@example.org", "bob@example.org", signed(HELLO))
    got = await stage.delivered()
    assert got.count("DKIM-Signature:") == 1
    assert "dkim=pass" in got


async def test_nothing_leaves_unsigned_while_couchmail_is_down(stage: MailStage) -> None:
    """Whether a domain is ours cannot be told, so the message comes again."""
    text = "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: hi\r\n\r\nhi\r\n"

    def send(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.mail("alice@example.org")
        client.rcpt("bob@example.org")
        client.putcmd("DATA")
        client.getreply()
        stage.peers.lookups_fail = True
        client.send(text + ".\r\n")
        return client.getreply()

    code, _ = await stage.as_user(send)
    assert code in {451, 452}


@only_once
async def test_good_signature_passes(stage: MailStage) -> None:
    """A signature from outside is verified with a key that our own resolver found."""
    stage.peers.records["out._domainkey.remote.example.", "TXT"] = record(OUTSIDE)
    assert (await stage.send(signed(HELLO))).startswith("250 ")
    assert "Authentication-Results: mail.example.org;\r\n\tdkim=pass" in await stage.delivered()


@only_once
async def test_broken_signature_is_written_down(stage: MailStage) -> None:
    """A changed message is accepted, with its failure in the header."""
    stage.peers.records["out._domainkey.remote.example.", "TXT"] = record(OUTSIDE)
    assert (await stage.send(signed(HELLO).replace("hello\n", "hallo\n"))).startswith("250 ")
    assert "dkim=fail" in await stage.delivered()


@only_once
async def test_dns_failure_does_not_hold_mail(stage: MailStage) -> None:
    """A key that cannot be looked up now gives no verdict, and the message comes in."""
    stage.peers.dns_fails_for = "other._domainkey.remote.example."
    assert (await stage.send(signed(HELLO, selector="other"))).startswith("250 ")
    assert "Authentication-Results" not in await stage.delivered()


@only_once
async def test_missing_key_does_not_refuse_mail(stage: MailStage) -> None:
    """A signature without a published key fails, and the message comes in."""
    assert (await stage.send(signed(HELLO, selector="gone"))).startswith("250 ")
    assert 'dkim=fail reason="key not found in DNS"' in await stage.delivered()


@only_once
async def test_forged_result_is_removed(stage: MailStage) -> None:
    """An Authentication-Results: in our name that came from outside is dropped."""
    forged = "Authentication-Results: mail.example.org; dkim=pass header.d=bank.example\n"
    assert (await stage.send(forged + HELLO)).startswith("250 ")
    got = await stage.delivered()
    assert "bank.example" not in got
    assert "dkim=none" in got


async def test_strangers_get_no_signature(stage: MailStage) -> None:
    """Mail on port 25 is not signed, though it claims to be ours and comes from loopback."""
    text = HELLO.replace("carol@remote.example", "alice@example.org")
    assert (await stage.send(text)).startswith("250 ")
    assert "DKIM-Signature" not in await stage.delivered()


async def test_reload_reads_the_tables_anew(stage: MailStage) -> None:
    """SIGUSR1 brings an override into force without ending the process."""
    site = stage.opendkim.site
    await commit(DAEMON, site, {"opendkim.conf": "AuthservID  other.example\n"})
    await DAEMON.reload(site, stage.opendkim.pid)
    await DAEMON.probe(site)
    assert (await stage.send(HELLO)).startswith("250 ")
    assert "Authentication-Results: other.example;" in await stage.delivered()
    assert stage.opendkim.processes[0].returncode is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# mine\nSelektor x\n", r"opendkim\.conf:2: OpenDKIM says: .*unrecognized parameter"),
        ("DNSTimeout soon\n", r"opendkim\.conf:1: OpenDKIM says: .*illegal value"),
        ("Mode zebra\n", r"OpenDKIM says: unknown mode"),
        ("Syslog\n", r"opendkim\.conf:1: 'Syslog' sets nothing"),
    ],
)
async def test_broken_overrides_are_refused(text: str, message: str) -> None:
    """The refusal names the owner's file and line, in OpenDKIM's words."""
    with state_folder() as state:
        site = site_for(DAEMON, state, offset=4000)
        with pytest.raises(ConfigError, match=message):
            await commit(DAEMON, site, {"opendkim.conf": text})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("dkim.private", "no key", r"dkim\.private: is no private key; put an unencrypted RSA key"),
        (
            "dkim.private",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            r"dkim\.private: is no private key",
        ),
        (MASTER, "short\n", r"dkim\.master: is no key: it must hold the base64 of 32 octets"),
    ],
)
async def test_a_malformed_key_file_is_one_line(name: str, text: str, message: str) -> None:
    """The refusal names the file, what it is not, and what to do."""
    with state_folder() as state:
        site = site_for(DAEMON, state, offset=4000)
        site.paths.secure.mkdir()
        (site.paths.secure / name).write_text(text)
        with pytest.raises(ConfigError, match=message) as refused:
            await commit(DAEMON, site)
        assert len(str(refused.value).splitlines()) == 1
