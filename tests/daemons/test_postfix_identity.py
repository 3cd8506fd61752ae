"""Whom a message is from, as real Postfix hears it: what is refused, what waits, what is taken."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.daemons.mail_stage import RESOLVER, MailStage, mail_stage, settings
from tests.daemons.postfix_peers import Peers
from tests.daemons.stage import state_folder
from tests.unit.contentfilter.test_milter import playing

from mailstack.aio.dialog import connect
from mailstack.demo import letter
from mailstack.demo.keys import SigningKey
from mailstack.topology.model import LOOPBACK, Endpoint

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = SigningKey.generate()
HERE = f"v=spf1 ip4:{LOOPBACK} -all"
NOT_HERE = "v=spf1 -all"
REJECT = "v=DMARC1; p=reject"
HELLO = "EHLO mx.remote.example"
SENDER = "carol@remote.example"
"""Of the envelope; its domain exists."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[MailStage]:
    """Postfix, and the filter's own milter with a DNS that is played."""
    with state_folder() as folder:
        async with playing(folder, resolver=(RESOLVER, 53)) as (_, port):
            peer = {"contentfilter.milter": Endpoint(LOOPBACK, port)}
            async with mail_stage(settings(identity={"seal": False}), addresses=peer) as stage:
                yield stage


@pytest.fixture
def stage(shared: MailStage) -> MailStage:
    shared.peers.reset()
    return shared


@dataclass(frozen=True)
class Domain:
    """What a domain publishes. Each test has another one: answers are kept for a minute."""

    name: str
    dmarc: str = REJECT
    spf: str = NOT_HERE
    key_flags: str = ""

    def publish(self, peers: Peers) -> None:
        key = f"v=DKIM1; k=rsa;{self.key_flags} p={KEY.public}"
        strings = " ".join(f'"{part}"' for part in re.findall(".{1,200}", key))
        peers.records |= {
            (f"{self.name}.", "MX"): f"10 mx.{self.name}.",
            (f"{self.name}.", "TXT"): f'"{self.spf}"',
            (f"_dmarc.{self.name}.", "TXT"): f'"{self.dmarc}"',
            (f"s._domainkey.{self.name}.", "TXT"): strings,
        }


def written(author: str, body: str = "hello\r\n", subject: str = "hello") -> bytes:
    field = f"From: {author}\r\n" if author else ""
    return f"{field}To: bob@example.org\r\nSubject: {subject}\r\n\r\n{body}".encode()


def signed(octets: bytes, domain: str) -> bytes:
    return letter.sign(octets, KEY, domain, selector="s")


async def send(stage: MailStage, octets: bytes, sender: str = SENDER) -> str:
    """The reply to a message's end; a silent DNS is waited for."""
    async with connect(stage.address("smtp"), timeout_s=60) as dialog:
        assert (await dialog.reply()).startswith("220")
        for command in (HELLO, f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA"):
            reply = await dialog.ask(command)
            assert reply[0] in "23", reply
        await dialog.send_raw(octets + b".\r\n")
        return await dialog.reply()


async def results(stage: MailStage) -> str:
    """Our field in the message that arrived, on one line."""
    (found,) = re.findall(
        r"(?ms)^Authentication-Results: filter\.test;.*?\n(?![ \t])", await stage.delivered()
    )
    return " ".join(found.split())


async def test_a_forged_author_is_refused(stage: MailStage) -> None:
    """Before the queue, with the reason."""
    Domain("forged.example").publish(stage.peers)
    reply = await send(stage, written("boss@forged.example"))
    assert reply.startswith("550 5.7.26 Refused by DMARC: forged.example asks to refuse")
    assert stage.peers.delivered.empty()


@pytest.mark.parametrize("how", ["silent", "failing"])
@pytest.mark.parametrize("what", ["spf", "key"])
async def test_what_cannot_be_told_waits(stage: MailStage, how: str, what: str) -> None:
    """A timeout or a failure of the DNS for a proof is a 451, never a refusal."""
    domain = Domain(f"{what}-{how}.example", spf=f"v=spf1 include:x.{what}-{how}.example -all")
    domain.publish(stage.peers)
    name = f"x.{domain.name}." if what == "spf" else f"s._domainkey.{domain.name}."
    if how == "silent":
        stage.peers.dns_silent_for = name
    else:
        stage.peers.dns_fails_for = name
    stage.peers.records[f"x.{domain.name}.", "TXT"] = f'"{NOT_HERE}"'
    octets = written(f"a@{domain.name}")
    octets = signed(octets, domain.name) if what == "key" else octets
    sender = f"a@{domain.name}" if what == "spf" else SENDER
    reply = await send(stage, octets, sender)
    assert reply.startswith("451 4.7.0 Try again later: whether this is from")
    stage.peers.dns_silent_for = stage.peers.dns_fails_for = ""
    again = await send(stage, octets, sender)
    assert again.startswith("250" if what == "key" else "550"), again
    if what == "key":
        assert f"dkim=pass header.d={domain.name}" in await results(stage)


async def test_a_policy_that_cannot_be_told_refuses_nothing(stage: MailStage) -> None:
    """Some servers never answer for ``_dmarc``: their domains' mail arrives."""
    Domain("quiet.example").publish(stage.peers)
    stage.peers.dns_silent_for = "_dmarc.quiet.example."
    assert (await send(stage, written("a@quiet.example"))).startswith("250")
    assert "dmarc=temperror" in await results(stage)


async def test_a_key_for_tests(stage: MailStage) -> None:
    """``t=y``: a signature that holds counts, one that does not is as none."""
    domain = Domain("testing.example", key_flags=" t=y;")
    domain.publish(stage.peers)
    octets = signed(written(f"a@{domain.name}"), domain.name)
    assert (await send(stage, octets)).startswith("250")
    assert f"dkim=pass header.d={domain.name}" in await results(stage)
    assert (await send(stage, octets + b"more\r\n")).startswith("550 5.7.26")


async def test_several_authors(stage: MailStage) -> None:
    """Two From fields are refused; of two addresses in one, the stricter domain decides."""
    for domain in (Domain("strict.example"), Domain("lax.example", dmarc="v=DMARC1; p=none")):
        domain.publish(stage.peers)
    two = b"From: x@lax.example\r\n" + written("y@lax.example")
    assert (await send(stage, two)).startswith("550 5.7.1 The message has more than one From")
    both = signed(written("x@lax.example, y@strict.example"), "lax.example")
    reply = await send(stage, both)
    assert reply.startswith("550 5.7.26 Refused by DMARC: strict.example")


async def test_spf_that_is_no_record(stage: MailStage) -> None:
    """A permanent error proves nothing, and is no reason to wait."""
    strict = Domain("wrong.example", spf="v=spf1 bogus -all")
    lax = Domain("wrong2.example", spf="v=spf1 ip4:300.1.1.1 -all", dmarc="v=DMARC1; p=none")
    for domain in (strict, lax):
        domain.publish(stage.peers)
    assert (await send(stage, written("a@wrong.example"), "a@wrong.example"))[:3] == "550"
    assert (await send(stage, written("a@wrong2.example"), "a@wrong2.example"))[:3] == "250"
    found = await results(stage)
    assert "spf=permerror smtp.mailfrom=a@wrong2.example" in found
    assert "dmarc=fail (p=none dis=none)" in found


async def test_without_an_author(stage: MailStage) -> None:
    """No From field, or one that names nobody: taken, and said to be of nobody."""
    for author in ("", "undisclosed:;", "somebody"):
        assert (await send(stage, written(author))).startswith("250")
        found = await results(stage)
        assert "dmarc=permerror (p=none dis=none)" in found
        assert "header.from" not in found


@pytest.mark.parametrize(
    "author",
    [
        "The board: anna@free.example, boss@group.example;",
        '"The board": boss@group.example, anna@free.example;, x@free.example',
        "(a comment) boss@group.example",
        '"boss@free.example" <boss@group.example>',
        "=?utf-8?q?boss=40free.example?= <boss@GROUP.example>",
        "<@free.example:boss@group.example>",
        "boss@group.example <x@free.example>",
    ],
)
async def test_ways_to_write_an_author(stage: MailStage, author: str) -> None:
    """Groups, comments, names like addresses, routes: the domain that may be seen is found."""
    Domain("group.example").publish(stage.peers)
    reply = await send(stage, written(author))
    assert reply.startswith("550 5.7.26 Refused by DMARC: group.example"), reply


async def test_names_in_other_scripts(stage: MailStage) -> None:
    """An author's domain in any script is judged by the name that DNS has for it."""
    plain = "xn--bcher-kva.example"
    Domain(plain, spf=HERE).publish(stage.peers)
    for author in ("x@bücher.example", "x@BÜCHER.example", f"x@{plain}", f"x@{plain.upper()}"):
        reply = await send(stage, written(author))
        assert reply.startswith(f"550 5.7.26 Refused by DMARC: {plain}"), author
        assert (await send(stage, written(author), f"x@{plain}")).startswith("250"), author
        assert f"dmarc=pass (p=reject dis=none) header.from={plain}" in await results(stage)


async def test_a_list_that_breaks_signatures(stage: MailStage) -> None:
    """Refused where the author's domain asks so; not where the list writes itself into From."""
    strict = Domain("member.example")
    lax = Domain("member2.example", dmarc="v=DMARC1; p=none")
    home = Domain("list.example", spf=HERE)
    for domain in (strict, lax, home):
        domain.publish(stage.peers)

    def from_the_list(author: str, domain: str) -> bytes:
        octets = signed(written(author), domain)
        return octets.replace(b"Subject: ", b"Subject: [list] ") + b"-- \r\nlist@list.example\r\n"

    bounces = "list-bounces@list.example"
    broken = from_the_list("a@member.example", "member.example")
    assert (await send(stage, broken, bounces)).startswith("550 5.7.26")
    broken = from_the_list("a@member2.example", "member2.example")
    assert (await send(stage, broken, bounces)).startswith("250")
    assert "dkim=fail header.d=member2.example" in await results(stage)
    rewritten = from_the_list("A via list <list@list.example>", "member.example")
    assert (await send(stage, rewritten, bounces)).startswith("250")
    assert "dmarc=pass (p=reject dis=none) header.from=list.example" in await results(stage)


async def test_size_is_no_way_around(stage: MailStage) -> None:
    """A message of 6 MB is verified like a small one, and refused like a small one."""
    domain = Domain("large.example")
    domain.publish(stage.peers)
    body = "a line of some length, like many others \r\n" * 150_000
    octets = written(f"a@{domain.name}", body)
    good = signed(octets, domain.name)
    assert (await send(stage, good)).startswith("250")
    assert f"dkim=pass header.d={domain.name}" in await results(stage)
    assert (await send(stage, good.replace(b"many", b"more"))).startswith("550 5.7.26")
    assert (await send(stage, octets)).startswith("550 5.7.26")


async def test_nor_is_a_header_without_end(stage: MailStage) -> None:
    """Megabytes of fields are not read; what is in them proves nothing."""
    domain = Domain("fields.example")
    domain.publish(stage.peers)
    octets = b"X-Filler: %b\r\n" % (b"x" * 900) * 1500 + written(f"a@{domain.name}")
    assert (await send(stage, signed(octets, domain.name))).startswith("550 5.7.26")
