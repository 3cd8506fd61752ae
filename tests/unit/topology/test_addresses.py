"""Links become addresses; without a link there is none."""

import pytest

from mailstack.topology.addresses import cluster, max_offset, one_machine, resolver_host
from mailstack.topology.model import INTERNET, LOOPBACK, Endpoint, Link, Port, Service, Topology
from mailstack.topology.stack import STACK


def test_one_machine() -> None:
    """On one machine only public ports leave loopback, and all numbers are shifted."""
    found = one_machine(STACK, "postfix", public_host="192.0.2.1", offset=1000)
    assert found["postfix.smtp"] == Endpoint("192.0.2.1", 1025)
    assert found["couchmail.domains"] == Endpoint(LOOPBACK, 41571)
    assert {address.host for name, address in found.items() if "postfix" not in name} == {LOOPBACK}


def test_public_ports_of_others_are_reached_where_they_listen() -> None:
    """A port of another service that faces the internet need not be on loopback too."""
    topology = Topology(
        (
            Service("shop", "sells", (Port("door", 80, "customers", public=True),)),
            Service("clerk", "looks after it"),
        ),
        (Link("clerk", "shop", "door", "walks in"), Link(INTERNET, "shop", "door", "customers")),
    )
    elsewhere = one_machine(topology, "clerk", public_host="192.0.2.1", offset=0)
    assert elsewhere["shop.door"] == Endpoint("192.0.2.1", 80)
    everywhere = one_machine(topology, "clerk", public_host="all", offset=0)
    assert everywhere["shop.door"] == Endpoint(LOOPBACK, 80)


def test_no_link_no_address() -> None:
    """A service learns nothing about those it may not talk to, nor through a reserved link."""
    found = one_machine(STACK, "spamd", public_host="all", offset=0)
    assert not [name for name in found if name.startswith(("opendkim", "dovecot", "couchmail"))]


def test_cluster() -> None:
    """On a cluster each service is its name, and those of the same pod are on loopback."""
    found = cluster(STACK, "postfix")
    assert found["opendkim.milter"] == Endpoint("opendkim", 8891)
    assert found["contentfilter.lmtp"].host == LOOPBACK
    assert found["postfix.smtp"] == Endpoint("all", 25)
    assert cluster(STACK, "contentfilter")["dovecot.lmtp"].host == "dovecot"


def test_largest_offset() -> None:
    """The largest offset keeps the largest port within range."""
    offset = max_offset(STACK)
    ports = [port.number for service in STACK.services for port in service.ports]
    assert max(ports) + offset == 65_535


@pytest.mark.parametrize("offset", [0, 1, 254, 255, 65_024])
def test_resolver_hosts_differ(offset: int) -> None:
    """Each offset has a loopback address of its own, none of them a network's or the usual one."""
    numbers = [int(part) for part in resolver_host(offset).split(".")]
    assert numbers[0] == 127
    assert all(0 <= number <= 255 for number in numbers)
    assert resolver_host(offset) != LOOPBACK
    assert resolver_host(offset) != resolver_host(offset + 1)


def test_endpoints_as_text() -> None:
    """An IPv6 host is written in brackets."""
    assert str(Endpoint("::1", 25)) == "[::1]:25"
    assert str(Endpoint("127.0.0.1", 25)) == "127.0.0.1:25"


def test_ports_of_load_balancers() -> None:
    """Beside the port of those who say nothing in front; shifted like it, and public like it."""
    imap = STACK.service("dovecot").port("imap")
    found = one_machine(STACK, "dovecot", public_host="192.0.2.1", offset=1000)
    assert found["dovecot.imap-lb"] == Endpoint("192.0.2.1", imap.balanced + 1000)
    assert cluster(STACK, "dovecot")["dovecot.imap-lb"] == Endpoint("all", imap.balanced)
    assert "dovecot.imap-lb" not in cluster(STACK, "doctor")
    smtp = STACK.service("postfix").port("smtp")
    assert smtp.for_balancers is smtp
    assert STACK.service("names").port("https").for_balancers is None
