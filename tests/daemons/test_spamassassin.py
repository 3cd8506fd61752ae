"""A real spamd with our configuration, asked as the content filter asks it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import dkim  # type: ignore[import-untyped] # dkimpy has no types
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.daemons.name_server import Zone, name_server
from tests.daemons.stage import EXAMPLE, Running, commit, running, site_for, state_folder

from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.spamassassin import DAEMON
from mailstack.errors import ConfigError, MissingProgram
from mailstack.settings import Settings
from mailstack.topology.model import Endpoint

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

OFFSET = 5000
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
IDLE_MIB = 125
"""What spamd may take while it waits: PSS of the parent and its child, with all rules."""


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


@dataclass(frozen=True, slots=True)
class Verdict:
    """What spamd says about one message."""

    spam: bool
    score: float
    tests: frozenset[str]


@asynccontextmanager
async def spamd(
    state: Path, zone: Zone | None = None, overrides: Overrides | None = None, **spam: object
) -> AsyncIterator[tuple[Running, list[str]]]:
    """A running spamd, and what it has asked the DNS."""
    async with name_server(zone or {}) as (port, asked):
        settings = Settings.model_validate({**EXAMPLE, "spam": spam})
        resolver = {"resolver.dns": Endpoint("127.0.0.1", port)}
        site = site_for(DAEMON, state, offset=OFFSET, settings=settings, addresses=resolver)
        async with running(DAEMON, site, overrides) as stage:
            yield stage, asked


def message(body: str = "See you at noon.", client: str = "192.0.2.7", sender: str = "") -> bytes:
    """As it leaves the content filter: the envelope sender first, then our Postfix's hop."""
    sender = sender or "bob@example.com"
    return (
        f"Return-Path: <{sender}>\r\n"
        f"Received: from mx.example.com (mx.example.com [{client}])\r\n"
        "\tby mail.example.org (Postfix) with ESMTP id 4XyzAbC\r\n"
        "\tfor <ann@example.org>; Fri, 27 Nov 2026 12:00:00 +0000\r\n"
        f"{signed_part(body)}"
    ).encode()


def signed_part(body: str) -> str:
    """From, To, Subject and the text."""
    return (
        "From: Bob <bob@example.com>\r\nTo: Ann <ann@example.org>\r\nSubject: lunch\r\n"
        "Date: Fri, 27 Nov 2026 12:00:00 +0000\r\nMessage-ID: <20261127.1200.77@example.com>\r\n"
        f"\r\n{body}\r\n"
    )


async def scan(site: Site, data: bytes, user: str = "") -> Verdict:
    """Ask with SYMBOLS, which returns the names of the rules that hit."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.addresses["spamd.spamc"].port)
    who = f"User: {user}\r\n" if user else ""
    writer.write(f"SYMBOLS SPAMC/1.5\r\n{who}Content-length: {len(data)}\r\n\r\n".encode() + data)
    async with asyncio.timeout(40):
        answer = (await reader.read()).decode()
    writer.close()
    match = re.search(r"Spam: (\w+) ; (-?[\d.]+) / ", answer)
    assert match is not None, answer
    rules = answer.partition("\r\n\r\n")[2].strip().split(",")
    return Verdict(match[1] == "True", float(match[2]), frozenset(rules))


def memory_mib(pid: int) -> float:
    """PSS of the parent and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    rollups = (Path(f"/proc/{each}/smaps_rollup").read_text() for each in (str(pid), *children))
    shares = (re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE) for text in rollups)
    return sum(int(share[1]) for share in shares if share is not None) / 1024


async def test_tells_spam_from_ham(state: Path) -> None:
    """GTUBE is spam at any threshold; a line between friends is not."""
    async with spamd(state, network_tests=False) as (stage, asked):
        spam = await scan(stage.site, message(GTUBE))
        ham = await scan(stage.site, message())
        assert spam.spam
        assert "GTUBE" in spam.tests
        assert not ham.spam
        assert ham.score < 3
        assert asked == []


@pytest.mark.parametrize("client", ["203.0.113.9", "10.1.2.3", "192.168.7.7"])
async def test_spf_is_that_of_the_client_that_connected(state: Path, client: str) -> None:
    """No client is trusted for its address, private or not: SPF decides by the envelope sender."""
    policies = {f"v=spf1 ip4:{client} -all": "SPF_PASS", "v=spf1 -all": "SPF_FAIL"}
    for policy, expected in policies.items():
        zone = {("example.com.", "TXT"): f'"{policy}"'}
        async with spamd(state, zone) as (stage, _):
            assert expected in (await scan(stage.site, message(client=client))).tests


async def test_dkim_signatures_are_verified(state: Path) -> None:
    """With the key from the stack's resolver; a changed body is seen."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = "v=DKIM1; k=rsa; p=" + "".join(public.decode().splitlines()[1:-1])
    strings = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
    signed = signed_part("See you at noon.").encode()
    signature = dkim.sign(signed, b"dkim", b"example.com", private)
    async with spamd(state, {("dkim._domainkey.example.com.", "TXT"): strings}) as (stage, _):
        assert "DKIM_VALID" in (await scan(stage.site, signature + message())).tests
        changed = await scan(stage.site, signature + message("See you at one."))
        assert "DKIM_VALID" not in changed.tests
        assert "DKIM_SIGNED" in changed.tests


async def test_nothing_is_written_outside_the_users_folder(state: Path) -> None:
    """Whatever user is named, who is unknown is scanned as the site and leaves no trace."""
    async with spamd(state, network_tests=False) as (stage, _):
        data = stage.site.paths.data
        before = sorted(data.rglob("*"))
        for user in ("u" + 32 * "0", "../../../x", "root", "a/b/c", "site", "sitet", ""):
            await scan(stage.site, message(), user)
        assert sorted(data.rglob("*")) == before
        assert not (state / "x").exists()


async def test_idles_with_little_memory(state: Path) -> None:
    """One child beside the parent, most of its memory shared."""
    async with spamd(state) as (stage, _):
        assert memory_mib(stage.pid) < IDLE_MIB


async def test_starts_without_internet(state: Path) -> None:
    """A resolver that does not answer delays the start by less than two seconds."""
    nobody = {"resolver.dns": Endpoint("127.0.0.1", 9)}
    site = site_for(DAEMON, state, offset=OFFSET, addresses=nobody)
    DAEMON.prepare(site)
    await commit(DAEMON, site)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with running(DAEMON, site):
        assert loop.time() - begin < 8


async def test_an_override_wins_and_a_reload_brings_it_into_force(state: Path) -> None:
    """The owner's rule counts after SIGHUP, with the same process."""
    rule = {"own.cf": "body OWN_RULE /see you at noon/i\nscore OWN_RULE 7\n"}
    async with spamd(state, network_tests=False) as (stage, _):
        assert "OWN_RULE" not in (await scan(stage.site, message())).tests
        await commit(DAEMON, stage.site, rule)
        stage.output.clear()
        await DAEMON.reload(stage.site, stage.pid)
        await stage.says("server started")
        await stage.healthy()
        verdict = await scan(stage.site, message())
        assert verdict.spam
        assert "OWN_RULE" in verdict.tests


BROKEN: Mapping[str, tuple[str, int, str]] = {
    "own.cf": ("score SOME_RULE 3\nnonsense 3\n", 2, "nonsense 3"),
    "value.cf": ("\n\nrequired_score many\n", 3, "required_score"),
    "regex.cf": ("header OWN_RULE Subject =~ /(never closed/\n", 1, "Unmatched"),
    "own.pre": ("# fine\nloadplugin Mail::SpamAssassin::Plugin::Missing\n", 2, "Missing"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_override_is_refused_with_its_place(state: Path, name: str) -> None:
    """With SpamAssassin's own words, the owner's file and line; what is in force stays so."""
    text, line, words = BROKEN[name]
    site = site_for(DAEMON, state, offset=OFFSET)
    DAEMON.prepare(site)
    await commit(DAEMON, site)
    before = site.paths.conf.resolve()
    with pytest.raises(ConfigError, match=words) as caught:
        await commit(DAEMON, site, {"fine.cf": "score NO_RELAYS 0.1\n", name: text})
    assert (caught.value.file, caught.value.line) == (site.paths.overrides / name, line)
    assert site.paths.conf.resolve() == before
