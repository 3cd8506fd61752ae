"""A report is written as RFC 8460 has it, and sent once to each place that the record names."""

import gzip
import json
import smtplib
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from tests.unit.reports.tls.datagrams import FAILURE, RECORD, SUCCESS, session

from mailstack.reports.letter import Submitter
from mailstack.reports.tls import numbers
from mailstack.reports.tls.counting import DAY_S
from mailstack.reports.tls.destinations import MAX_DESTINATIONS, Destination, destinations
from mailstack.reports.tls.kept import Kept, Report, Sums, Tally
from mailstack.reports.tls.sending import GIVE_UP_S, Sender

BY = Submitter("home.example", "mail.home.example")
BEGIN = 19_675 * DAY_S
END = BEGIN + DAY_S - 1
WITHIN = END + 3600.0
IDENTITY = "20231114.a.example.f00"


def report(record: str = RECORD) -> Report:
    """Three handshakes: two went well, one did not."""
    tally = Tally(record)
    tally.policies[session(SUCCESS).policy] = Sums(succeeded=2)
    failed = session(FAILURE)
    tally.policies[failed.policy] = sums = Sums(failed=1)
    sums.failures.update(failed.failures)
    return Report(IDENTITY, "a.example", BEGIN, END, tally)


class World:
    """Takes reports, or does what it is told."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[str, bytes]] = []
        self.now = WITHIN
        self.saved = 0

    def post(self, to: str, message: bytes) -> None:
        self._take(to, message)

    def upload(self, where: Destination, packed: bytes) -> str:
        return self._take(where.place, packed)

    def _take(self, to: str, octets: bytes) -> str:
        answer = self.answers.pop(0) if self.answers else "sent"
        if isinstance(answer, Exception):
            raise answer
        self.taken.append((to, octets))
        return answer

    def _save(self) -> None:
        self.saved += 1

    def send(self, kept: Kept) -> list[str]:
        """Run once; the outcomes."""
        Sender(BY, self.post, self.upload, self._save, lambda: self.now).send(kept)
        return [one.outcome for one in kept.sent]


def test_the_message() -> None:
    """Fields and parts of RFC 8460 5.3; no TLS keeps it from its receiver (RFC 8689)."""
    world = World()
    assert world.send(Kept(waiting=[report()])) == ["sent"]
    ((to, octets),) = world.taken
    message = message_from_bytes(octets, policy=default)
    assert to == message["To"] == "tls@a.example"
    assert message["TLS-Report-Domain"] == "a.example"
    assert message["TLS-Report-Submitter"] == "home.example"
    assert message["TLS-Required"] == "No"
    assert message["Subject"] == (
        f"Report Domain: a.example Submitter: home.example Report-ID: <{IDENTITY}>"
    )
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    text, attached = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    assert attached.get_filename() == f"home.example!a.example!{BEGIN}!{END}!f00.json.gz"
    check(json.loads(gzip.decompress(attached.get_content())))


def check(document: dict[str, Any]) -> None:
    """Names and values of RFC 8460 4.4."""
    assert document["organization-name"] == "home.example"
    assert document["contact-info"] == "postmaster@home.example"
    assert document["report-id"] == IDENTITY
    assert document["date-range"] == {
        "start-datetime": "2023-11-14T00:00:00Z",
        "end-datetime": "2023-11-14T23:59:59Z",
    }
    free, held = document["policies"]
    assert free == {
        "policy": {"policy-type": "no-policy-found", "policy-domain": "a.example"},
        "summary": {"total-successful-session-count": 2, "total-failure-session-count": 0},
    }
    assert held["policy"]["mx-host"] == ["*.a.example"]
    assert held["policy"]["policy-string"][0] == "version: STSv1"
    assert held["failure-details"] == [
        {
            "result-type": "certificate-not-trusted",
            "sending-mta-ip": "192.0.2.1",
            "receiving-mx-hostname": "mx.a.example",
            "receiving-mx-helo": "mx.a.example",
            "receiving-ip": "198.51.100.9",
            "failure-reason-code": "self-signed-certificate",
            "failed-session-count": 1,
        }
    ]


BOTH = "v=TLSRPTv1;rua=mailto:tls@a.example,https://in.a.example/v1?x=1"


def test_each_place_once() -> None:
    """What one has taken is not sent there again, while the other is down."""
    world = World("sent", OSError("closed"))
    kept = Kept(waiting=[report(BOTH)])
    assert world.send(kept) == ["sent"]
    assert kept.waiting
    assert kept.waiting[0].done == ["tls@a.example"]
    assert world.send(kept) == ["sent", "sent"]
    assert [to for to, _ in world.taken] == ["tls@a.example", "https://in.a.example/v1?x=1"]
    assert not kept.waiting
    assert world.saved == 3


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (smtplib.SMTPRecipientsRefused({"tls@a.example": (550, b"no")}), "refused: 550 no"),
        (smtplib.SMTPDataError(554, b"no\nmore"), "refused: 554 no more"),
        (smtplib.SMTPDataError(451, b"later"), ""),
        (ConnectionRefusedError(), ""),
    ],
)
def test_what_postfix_says(answer: Exception, outcome: str) -> None:
    """A refusal for good is told, another is tried again, for a day."""
    world, kept = World(answer, answer), Kept(waiting=[report()])
    assert world.send(kept) == ([outcome] if outcome else [])
    assert bool(kept.waiting) == (not outcome)
    if not outcome:
        world.now = END + GIVE_UP_S + 1
        assert world.send(kept) == ["given up: nobody has taken it for a day"]
        assert not kept.waiting


def test_what_went_is_counted() -> None:
    """Taken by the other side, or not for good; every series is there from the start."""
    kept = Kept(waiting=[report(BOTH)])
    World("sent", "refused: 404").send(kept)
    found = numbers.text(numbers.outcomes(kept.sent))
    assert 'mailstack_tls_reports_sent_total{outcome="sent"} 1.0' in found
    assert 'mailstack_tls_reports_sent_total{outcome="unsent"} 1.0' in found
    assert 'mailstack_tls_handshakes_total{result="failed"} 0.0' in found


def test_a_record_that_names_no_place() -> None:
    """Noted, so that an owner who looks can tell why nothing was sent."""
    kept = Kept(waiting=[report("v=TLSRPTv1; rua=ftp://a.example")])
    assert World().send(kept) == ["not sent: its record names no place"]
    assert not kept.waiting


@pytest.mark.parametrize(
    ("record", "places"),
    [
        (RECORD, ["tls@a.example"]),
        (
            "v=TLSRPTv1 ; rua = mailto:a@x.example , MAILTO:b@x.example",
            ["a@x.example", "b@x.example"],
        ),
        ("v=TLSRPTv1; rua=mailto:a%2Bb@x.example?subject=x!10m", ["a+b@x.example"]),
        ("v=TLSRPTv1; rua=mailto:a@x.example,mailto:a@x.example", ["a@x.example"]),
        ("v=TLSRPTv1; rua=https://x.example", ["https://x.example"]),
        ("v=TLSRPTv1; rua=http://x.example/", []),
        ("v=TLSRPTv1; rua=https://x.example:8443/", []),
        ("v=TLSRPTv1; rua=https://user@x.example/", []),
        ("v=TLSRPTv1; rua=https://127.0.0.1/", []),
        ("v=TLSRPTv1; rua=https://localhost/", []),
        ("v=TLSRPTv1; rua=https://x.example/a b", []),
        ("v=TLSRPTv1; rua=https://[x/", []),
        ("v=TLSRPTv1; rua=mailto:nobody", []),
        ("v=TLSRPTv1; rua=", []),
        ("v=TLSRPTv1;", []),
        ("", []),
    ],
)
def test_places_of_a_record(record: str, places: list[str]) -> None:
    """Addresses, and https on its own port at a name; the rest is passed over."""
    assert [one.place for one in destinations(record)] == places


def test_not_too_many_places() -> None:
    """A record cannot have us write to the world."""
    many = ",".join(f"mailto:a{n}@x.example" for n in range(20))
    assert len(destinations(f"v=TLSRPTv1; rua={many}")) == MAX_DESTINATIONS
