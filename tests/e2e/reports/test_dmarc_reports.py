"""DMARC aggregate reports: what is found of mail is told to whom its author's domain names."""

import gzip
import json

from tests.e2e.stack import Stack
from tests.unit.reports.schema import complaints

from mailstack.demo import letter
from mailstack.demo.client import hand_over
from mailstack.demo.records import OTHER, mail_domain, txt
from mailstack.protocols.plain_xml import read_xml


def author(stack: Stack, rua: str, policy: str = "reject") -> str:
    """Publish a domain outside, whose mail the friend's server sends, and that wants reports."""
    name = f"{stack.fresh('reported')}.example"
    key, plan = stack.internet.key.public, stack.internet.plan
    spf, dmarc = f"v=spf1 ip4:{plan.friend} -all", f"v=DMARC1; p={policy}; rua={rua}"
    stack.internet.publish(mail_domain(name, plan.other, key, spf=spf, dmarc=dmarc))
    return name


def send(stack: Stack, name: str, to: str, envelope: str) -> int:
    with stack.session() as session:
        octets = letter.write(f"boss@{name}", to, stack.fresh("reported "))
        return hand_over(session, envelope, [to], octets).code


def consent(stack: Stack, name: str, host: str) -> None:
    stack.internet.publish({f"{name}._report._dmarc.{host}": {"TXT": (txt("v=DMARC1"),)}})


def test_a_report_reaches_who_asked_for_it(stack: Stack) -> None:
    """Genuine and spoofed mail are counted, and told once, in a message that DKIM proves ours."""
    user = stack.user()
    box = f"{stack.fresh('rua')}@{OTHER}"
    name = author(stack, f"mailto:{box}!10m")
    consent(stack, name, OTHER)
    assert [send(stack, name, user.address, f"boss@{name}") for _ in range(2)] == [250, 250]
    assert send(stack, name, user.address, "") == 550
    assert f"report about {name} to {box}: sent" in stack.cli("reports", "send").splitlines()
    (received,) = stack.internet.received(recipient=box, timeout_s=60)
    check_message(received.message["Subject"], name)
    assert received.sender == "<>"
    assert [(one.domain, one.verified) for one in received.signatures if one.verified]
    (attached,) = received.message.iter_attachments()
    file = attached.get_filename() or ""
    assert file.split("!")[:2] == ["home.example", name]
    check_report(gzip.decompress(attached.get_content()), name, stack.internet.plan.friend)
    stack.cli("reports", "send")
    assert len(stack.internet.received(recipient=box)) == 1
    (told,) = json.loads(stack.cli("reports", "sent", name, "--json"))
    assert (told["outcome"], told["to"], told["messages"]) == ("sent", box, 3)


def check_message(subject: str, name: str) -> None:
    assert subject.startswith(f"Report Domain: {name} Submitter: home.example Report-ID: <")


def check_report(document: bytes, name: str, client: str) -> None:
    """Xmllint finds it as RFC 7489, appendix C, wants it; the counts are right."""
    assert complaints(document) == ""
    root = read_xml(document)
    assert root.text_of("policy_published", "domain") == name
    assert root.text_of("policy_published", "p") == "reject"
    found = {
        (
            record.text_of("row", "policy_evaluated", "disposition"),
            record.text_of("row", "policy_evaluated", "spf"),
            record.text_of("auth_results", "spf", "scope"),
        ): (record.text_of("row", "source_ip"), record.text_of("row", "count"))
        for record in root.all("record")
    }
    assert found == {
        ("none", "pass", "mfrom"): (client, "2"),
        ("reject", "fail", "helo"): (client, "1"),
    }


def test_nobody_is_flooded(stack: Stack) -> None:
    """A domain that names an address elsewhere gets nothing sent there without its consent."""
    user = stack.user()
    box = f"{stack.fresh('victim')}@{OTHER}"
    name = author(stack, f"mailto:{box}")
    assert send(stack, name, user.address, f"boss@{name}") == 250
    stack.cli("reports", "send")
    (told,) = json.loads(stack.cli("reports", "sent", name, "--json"))
    assert told["outcome"] == f"not sent: {OTHER} has not agreed to get it"
    assert not stack.internet.received(recipient=box, timeout_s=0.1)


def test_no_report_larger_than_is_taken(stack: Stack) -> None:
    """The limit behind the address is kept to."""
    user = stack.user()
    name = author(stack, "")
    key, plan = stack.internet.key.public, stack.internet.plan
    dmarc = f"v=DMARC1; p=none; rua=mailto:rua@{name}!1k"
    spf = f"v=spf1 ip4:{plan.friend} -all"
    stack.internet.publish(mail_domain(name, plan.other, key, spf=spf, dmarc=dmarc))
    assert send(stack, name, user.address, f"boss@{name}") == 250
    stack.cli("reports", "send")
    (told,) = json.loads(stack.cli("reports", "sent", name, "--json"))
    assert told["outcome"].endswith("octets are more than it takes")
