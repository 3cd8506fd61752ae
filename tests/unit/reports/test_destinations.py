"""Where reports go, by RFC 7489 6.2 and 7.1."""

from collections.abc import Iterator

import dns.exception
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstack.reports.destinations import MAX_DESTINATIONS, Destination, agreed, destinations


@pytest.mark.parametrize(
    ("rua", "expected"),
    [
        ("mailto:a@b.example", [Destination("a@b.example")]),
        ("mailto:a@b.example!10m", [Destination("a@b.example", 10 * 2**20)]),
        ("mailto:a@b.example!10", [Destination("a@b.example", 10)]),
        ("mailto:a@b.example , mailto:c@d.example!1k", [
            Destination("a@b.example"), Destination("c@d.example", 1024),
        ]),
        ("mailto:a%2bx@b.example", [Destination("a+x@b.example")]),
        ("mailto:a@b.example?subject=x", [Destination("a@b.example")]),
        ("mailto:a@b.example,mailto:a@b.example", [Destination("a@b.example")]),
        ("https://b.example/reports", []),
        ("mailto:", []),
        ("mailto:a", []),
        ("mailto:a@b.example!10x", []),
        ("mailto:a%0d%0ab@b.example", []),
        ("mailto:a%20b@b.example", []),
        ("", []),
    ],
)  # fmt: skip
def test_addresses(rua: str, expected: list[Destination]) -> None:
    """Mailto alone, each address once, with its limit; what is none is passed over."""
    assert destinations(rua) == expected


@settings(deadline=None)
@given(st.text(max_size=300))
def test_anything_may_stand_there(text: str) -> None:
    """Nothing that a domain publishes makes it fail, or asks for many messages."""
    found = destinations(text + ",mailto:a@b.example")
    assert len(found) <= MAX_DESTINATIONS
    assert all("\n" not in one.address and " " not in one.address for one in found)


class World:
    """TXT records by name."""

    def __init__(self, records: dict[str, str]) -> None:
        self.records = records

    def organizational(self, domain: str) -> str:
        return ".".join(domain.split(".")[-2:])

    def texts(self, name: str) -> Iterator[str]:
        if self.records.get(name) == "fail":
            raise dns.exception.Timeout
        if name in self.records:
            yield "something else"
            yield self.records[name]


CONSENT = "a.example._report._dmarc.b.example"


@pytest.mark.parametrize(
    ("to", "records", "expected"),
    [
        ("rua@a.example", {}, "rua@a.example"),
        ("rua@mail.a.example", {}, "rua@mail.a.example"),
        ("rua@b.example", {}, None),
        ("rua@b.example", {CONSENT: "v=DMARC1"}, "rua@b.example"),
        ("rua@b.example", {CONSENT: "v=DMARC1;"}, "rua@b.example"),
        ("rua@b.example", {CONSENT: "v=DMARC10"}, None),
        ("rua@b.example", {CONSENT: "v=spf1 -all"}, None),
        ("rua@b.example", {CONSENT: "v=DMARC1; rua=mailto:x@b.example"}, "x@b.example"),
        ("rua@b.example", {CONSENT: "v=DMARC1; rua=mailto:x@c.example"}, "rua@b.example"),
    ],
)
def test_consent(to: str, records: dict[str, str], expected: str | None) -> None:
    """Another domain must want the reports, and may say at which address of its own."""
    found = agreed("a.example", Destination(to), World(records))
    assert (found.address if found else None) == expected


def test_consent_that_cannot_be_told() -> None:
    """No answer is no consent, and no refusal either."""
    with pytest.raises(dns.exception.DNSException):
        agreed("a.example", Destination("rua@b.example"), World({CONSENT: "fail"}))
