"""A report is written as the schema has it, and sent once to each address."""

import gzip
import smtplib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.reports.records import PUBLISHED, ROW, row
from tests.unit.reports.schema import complaints
from tests.unit.reports.test_destinations import World

from mailstack.identity.dmarc import Disposition, Override
from mailstack.identity.tally import Published, Row
from mailstack.protocols.plain_xml import Element, read_xml
from mailstack.reports import aggregate
from mailstack.reports.config import Config
from mailstack.reports.kept import Kept, Report
from mailstack.reports.sending import Sender
from mailstack.topology.model import Endpoint

HERE = Endpoint("127.0.0.1", 1)
CONFIG = Config(
    folder=Path("/nowhere"),
    resolver=HERE,
    postfix=HERE,
    api=HERE,
    token_file=Path("/nowhere"),
    hostname="mail.home.example",
    domain="home.example",
    send=True,
    keep_days=60,
    uid=0,
    gid=0,
)
BEGIN = 1_700_000_000
WITHIN = BEGIN + 86_400.0


def report(rua: str = "mailto:rua@a.example", rows: Counter[Any] | None = None) -> Report:
    published = replace(PUBLISHED, rua=rua)
    return Report(
        "20231114.a.example.f00", BEGIN, BEGIN + 86_399, published, rows or Counter([ROW])
    )


class Postfix:
    """Takes reports, or does what it is told."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[str, bytes]] = []

    def __call__(self, to: str, message: bytes) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.taken.append((to, message))


def sender(
    postfix: Postfix, *, save: Callable[[], None] = lambda: None, now: float = WITHIN
) -> Sender:
    return Sender(CONFIG, World({}), postfix, save, lambda: now)


def test_the_message() -> None:
    """Names, subject and file name are those of RFC 7489 7.2.1.1; it is marked as automatic."""
    postfix, kept = Postfix(), Kept(waiting=[report()])
    sender(postfix).send(kept)
    ((to, octets),) = postfix.taken
    message = message_from_bytes(octets, policy=default)
    assert to == message["To"] == "rua@a.example"
    assert message["From"].addresses[0].addr_spec == "postmaster@home.example"
    assert message["Subject"] == (
        "Report Domain: a.example Submitter: home.example Report-ID: <20231114.a.example.f00>"
    )
    assert message["Auto-Submitted"] == "auto-generated"
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == "application/gzip"
    assert attached.get_filename() == (
        f"home.example!a.example!{BEGIN}!{BEGIN + 86_399}!f00.xml.gz"
    )
    document = gzip.decompress(attached.get_content())
    assert read_xml(document).text_of("report_metadata", "email")
    assert all(len(line) < 998 for line in octets.split(b"\r\n"))


def test_once_and_never_again() -> None:
    """What is sent is no longer waiting, and stands in the ledger."""
    postfix, kept = Postfix(), Kept(waiting=[report()])
    for _ in range(2):
        sender(postfix).send(kept)
    assert len(postfix.taken) == len(kept.sent) == 1
    assert not kept.waiting


def test_killed_between_two_addresses() -> None:
    """Who has got it is saved before the next one gets it."""
    kept = Kept(waiting=[report("mailto:a@a.example,mailto:b@a.example")])
    saved: list[list[str]] = []
    postfix = Postfix()
    sender(
        postfix, save=lambda: saved.append([*kept.waiting[0].done] if kept.waiting else [])
    ).send(kept)
    assert saved[:2] == [["a@a.example"], ["a@a.example", "b@a.example"]]
    again = Kept(waiting=[replace(report("mailto:a@a.example,mailto:b@a.example"), done=saved[0])])
    sender(postfix).send(again)
    assert [to for to, _ in postfix.taken] == ["a@a.example", "b@a.example", "b@a.example"]


REFUSED = smtplib.SMTPRecipientsRefused({"rua@a.example": (550, b"no such user")})
LATER = smtplib.SMTPRecipientsRefused({"rua@a.example": (451, b"later")})


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), LATER])
def test_postfix_cannot_take_it_now(error: Exception) -> None:
    """It waits, under the same number, and is given up when days have gone by."""
    postfix, kept = Postfix(error), Kept(waiting=[report()])
    sender(postfix).send(kept)
    assert kept.waiting
    assert not kept.sent
    sender(postfix).send(kept)
    assert [one.outcome for one in kept.sent] == ["sent"]


def test_given_up() -> None:
    """Nothing waits for ever."""
    kept = Kept(waiting=[report()])
    sender(Postfix(OSError()), now=WITHIN + 10 * 86_400).send(kept)
    assert not kept.waiting
    assert kept.sent[0].outcome.startswith("given up")


def test_refused_for_good() -> None:
    """The words are kept, and it is not tried again."""
    kept = Kept(waiting=[report()])
    sender(Postfix(REFUSED)).send(kept)
    assert [one.outcome for one in kept.sent] == ["refused: 550 no such user"]
    assert not kept.waiting


def test_no_address_at_all() -> None:
    """A record whose rua is no mail address ends it."""
    kept = Kept(waiting=[report("https://a.example")])
    sender(Postfix()).send(kept)
    assert kept.sent[0].outcome.startswith("not sent")
    assert not kept.waiting


def test_size_limit() -> None:
    """Not sent where it would be more than is taken."""
    postfix = Postfix()
    big = Counter({row(number): 1 for number in range(3000)})
    kept = Kept(waiting=[report("mailto:a@a.example!2k,mailto:b@a.example!10m", big)])
    sender(postfix).send(kept)
    assert [to for to, _ in postfix.taken] == ["b@a.example"]


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30)


@settings(deadline=None)
@given(NAMES, NAMES, st.sampled_from(["pass", "policy", "strange"]))
def test_any_names_are_well_formed(domain: str, selector: str, result: str) -> None:
    """What strangers wrote into signatures never breaks the document."""
    domain, selector = (
        "".join(c for c in text if c.isprintable() and c != " ") for text in (domain, selector)
    )
    strange = replace(ROW, dkim=((result, domain, selector),), spf_domain=domain, spf="odd")
    root = read_xml(aggregate.write(report(rows=Counter([strange])), "x", "y@x"))
    found = root.find("record", "auth_results", "dkim")
    assert found is not None
    assert found.text_of("domain", default="") == domain.strip()
    assert root.text_of("record", "auth_results", "spf", "result") == "none"


def names(element: Element) -> list[str]:
    return [element.name, *(name for one in element.children for name in names(one))]


def test_the_order_of_the_schema() -> None:
    """Elements stand in the order of RFC 7489, appendix C, with nothing missing."""
    forwarded = replace(ROW, override="trusted_forwarder")
    root = read_xml(aggregate.write(report(rows=Counter([forwarded])), "x", "y@x"))
    assert [one.name for one in root.children] == [
        "version",
        "report_metadata",
        "policy_published",
        "record",
    ]
    record = root.find("record")
    assert record is not None
    assert names(record) == [
        "record",
        *("row", "source_ip", "count", "policy_evaluated", "disposition", "dkim", "spf"),
        *("reason", "type"),
        *("identifiers", "envelope_from", "header_from"),
        *("auth_results", "dkim", "domain", "selector", "result"),
        *("spf", "domain", "scope", "result"),
    ]
    assert record.text_of("row", "policy_evaluated", "reason", "type") == "trusted_forwarder"


def written(*rows: Row, published: Published = PUBLISHED) -> bytes:
    made = replace(report(rows=Counter(rows)), published=published)
    return aggregate.write(made, "home.example", "postmaster@home.example")


def test_the_schema_of_the_rfc() -> None:
    """An independent program finds no fault, whatever was found and whoever named it."""
    rows = [
        *(replace(ROW, disposition=one.value) for one in Disposition),
        *(replace(ROW, override=one.value) for one in Override),
        *(replace(ROW, spf=one, spf_scope="helo") for one in ("softfail", "temperror", "odd")),
        *(replace(ROW, dkim=((one, "a", "s"),) * 4) for one in ("permerror", "strange")),
        replace(ROW, address="2001:db8::1", envelope="", spf_domain="", dkim=()),
        replace(ROW, author='<&">]]>.example', dkim=(("pass", "Ü\u2028", "'"),)),
    ]
    strict = replace(PUBLISHED, p="none", sp="quarantine", adkim="s", aspf="s", percent=0)
    assert complaints(written(*rows), written(ROW, published=strict)) == ""


def test_the_schema_is_a_judge() -> None:
    """What is out of order or unknown is found."""
    good = written(ROW)
    for a, b in ((b"<p>reject</p>", b""), (b"<scope>mfrom", b"<scope>x"), (b"192.0.2.1", b"x")):
        assert a in good
        assert "fails to validate" in complaints(good.replace(a, b))
