"""The declaration against the owner's own table, line by line."""

import pytest

from mailstack.topology.model import INTERNET
from mailstack.topology.stack import STACK
from mailstack.topology.table import HEADINGS, markdown, rows

BRIEF = """
postfix -> opendkim port 8891 - dkim filter
postfix -> postgrey port 10030 - greyfilter
postfix -> couchmail port 40571 - domain db
postfix -> couchmail port 40572 - mailbox db
postfix -> couchmail port 40573 - alias db
postfix -> dovecot port 12345 - dovecot sasl auth
postfix -> dovecot port 2424 - lmtp message delivery
postfix -> spamd port 783 - spamc client connection
dovecot -> couchmail port 40574 - socat proxy from dovecot dict proxy socket
spamd -> opendkim port 8891
postfix -> internet port 25 - outbound mail delivery
internet -> postfix port 25 - inbound mail delivery
internet -> postfix port 587 - client mail submission
internet -> dovecot port 143 - email client connection
"""
"""Network Policy, as the brief states it. Its lines about Let's Encrypt and Roundcube come with
those services; "spamd -> inet port 53" goes through the resolver, tested below."""


def pod(service: str) -> str:
    """The brief knows pods: what contentfilter does, Postfix's pod does."""
    return service if service == INTERNET else STACK.pod_of(service)


def declared() -> set[tuple[str, str, int]]:
    return {(pod(row.source), pod(row.target), row.port) for row in rows(STACK)}


@pytest.mark.parametrize("line", BRIEF.strip().splitlines())
def test_every_line_of_the_brief_is_declared(line: str) -> None:
    """Each link the owner asked for stands in the declaration, with its port."""
    source, _, target, _, port, *_ = line.split()
    assert (source, target, int(port)) in declared()


def test_spamd_asks_the_internet_through_the_resolver() -> None:
    """Questions about blocklists leave by the resolver.

    Whoever looks whether each name server shows a new DKIM key must ask them itself, and who
    proves a name by a record changes the zone at its primary. Whether each shows what it should is
    asked in the same way.
    """
    assert ("spamd", "resolver", 53) in declared()
    assert {source for source, target, port in declared() if (target, port) == (INTERNET, 53)} == {
        "doctor",
        "letsencrypt",
        "opendkim",
        "resolver",
    }


def test_the_link_that_carries_nothing_stays_closed() -> None:
    """Spamd → opendkim is in the table with the reason why it is closed."""
    (row,) = (row for row in rows(STACK) if (row.source, row.target) == ("spamd", "opendkim"))
    assert "SpamAssassin checks DKIM by itself" in row.closed
    assert all(not other.closed for other in rows(STACK) if other != row)


def test_only_declared_ports_face_the_internet() -> None:
    """What outsiders reach is mail, mailboxes and well-known names; the rest is for the stack."""
    public = {row.port for row in rows(STACK) if row.source == INTERNET}
    assert public == {25, 587, 465, 143, 993, 4190, 443, 80}


def test_table_for_the_docs() -> None:
    """The documentation's table has one line per link, and the words of the declaration."""
    head, rule, *lines = markdown(STACK).splitlines()
    assert head == f"| {' | '.join(HEADINGS)} |"
    assert rule.count("---") == len(HEADINGS)
    assert len(lines) == len(STACK.links)
    assert "| postfix | opendkim | 8891 | tcp | dkim filter |  |" in lines
    assert "| resolver | internet | 53 | udp/tcp | recursion |  |" in lines
