"""Servers in reports get the names that lead back to them, within a bounded time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dns.exception
from tests.unit.reports.test_received import report

from mailstack.model.reports import Source
from mailstack.reports.names import MAX_NAMED, SECONDS, Names

RECORDS = {
    ("1.2.0.192.in-addr.arpa", "PTR"): ["forged.google.com", "mail.home.example"],
    ("mail.home.example", "A"): ["198.51.100.9", "192.0.2.1"],
    ("forged.google.com", "A"): ["198.51.100.9"],
    ("2.2.0.192.in-addr.arpa", "PTR"): ["forged.google.com"],
    ("3.2.0.192.in-addr.arpa", "PTR"): ["no..name", "x" * 300],
    ("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR"): ["six.home.example"],
    ("six.home.example", "AAAA"): ["2001:db8::1"],
}


class Dns:
    """Answers from the table; counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False

    def records(self, name: str, kind: str) -> Iterator[Any]:
        self.asked.append(name)
        if self.away:
            raise dns.exception.Timeout
        yield from RECORDS.get((name, kind), [])


def names(*addresses: str, at: Names) -> list[str]:
    source = Source("", 7, True, False, "none", "home.example")  # noqa: FBT003
    sources = tuple(replace(source, address=address) for address in addresses)
    return [one.name for one in at.named(replace(report(), sources=sources)).sources]


def test_a_name_leads_back() -> None:
    """Whoever owns an address may call it google.com; IPv6 is the same."""
    found = names("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "others", at=Names(Dns()))
    assert found == ["mail.home.example", "", "", "six.home.example", ""]


def test_each_is_asked_for_once() -> None:
    """Of one report only so many."""
    dns = Dns()
    asking = Names(dns)
    assert names(*["192.0.2.2"] * 3, at=asking) == ["", "", ""]
    assert dns.asked == ["2.2.0.192.in-addr.arpa", "forged.google.com"]
    many = [f"198.51.100.{number}" for number in range(MAX_NAMED + 5)]
    names(*many, at=asking)
    assert len(dns.asked) == 2 + MAX_NAMED


def test_a_slow_zone_keeps_no_report_back() -> None:
    """No answer is no name; after a while nobody is asked any more."""
    dns, now = Dns(), [0.0]
    asking = Names(dns, lambda: now[0])
    dns.away = True
    assert names("192.0.2.1", at=asking) == [""]
    now[0] = SECONDS + 1
    dns.away = False
    assert names("2001:db8::1", at=asking) == [""]
    assert len(dns.asked) == 1
