"""What Postfix tells of handshakes, with words of strangers in it: read, counted, reported."""

import json

from tests.unit.reports.tls.datagrams import FAILURE, RECORD, SUCCESS

from mailstack.errors import ProtocolError
from mailstack.protocols.tlsrpt import MAX_LINES, MAX_TEXT, read_datagram
from mailstack.reports.letter import Submitter
from mailstack.reports.tls.destinations import MAX_DESTINATIONS, destinations
from mailstack.reports.tls.document import write
from mailstack.reports.tls.kept import Report, Sums, Tally

SEEDS = (SUCCESS, FAILURE, RECORD.encode(), b"v=TLSRPTv1;rua=https://x.example/a?b,mailto:a@b.c")
WORDS = (b"{", b"}", b"[" * 200, b'"f":1', b'"c":203', b"\\ud800", b"NaN", b"9" * 30, b"https://[")


def one(data: bytes) -> None:
    assert len(destinations(data.decode("utf-8", "replace"))) <= MAX_DESTINATIONS
    try:
        for session in read_datagram(data):
            assert len(session.policy.lines) <= MAX_LINES
            assert all(
                line.isprintable() and len(line) <= MAX_TEXT for line in session.policy.lines
            )
            tally = Tally(session.record, {session.policy: Sums(failed=1)})
            tally.policies[session.policy].failures.update(session.failures)
            report = Report("1", session.domain, 0, 1, tally)
            assert json.loads(write(report, Submitter("home.example", "mx.home.example")))
    except ProtocolError:
        pass
