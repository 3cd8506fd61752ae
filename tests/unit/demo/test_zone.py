"""The outside's DNS answers, as our resolver sees them."""

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from mailstack.demo.addresses import Plan
from mailstack.demo.records import FRIEND, listed, mail_domain, outside_world, txt
from mailstack.demo.zone import FAIL, Zone

KEY = "A" * 392
"""As long as the public half of 2,048 bits."""


def ask(zone: Zone, name: str, kind: str) -> dns.message.Message:
    return zone.answer(dns.message.make_query(name, kind))


@pytest.fixture
def zone() -> Zone:
    zone = Zone()
    zone.update(outside_world(Plan(0), KEY))
    return zone


def test_an_answer_is_authoritative_and_from_a_server_that_recurses(zone: Zone) -> None:
    """A forwarder without the RA bit counts as lame to unbound."""
    reply = ask(zone, "FRIEND.example", "MX")
    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.flags & dns.flags.AA
    assert reply.flags & dns.flags.RA
    assert reply.answer[0].to_text() == f"FRIEND.example. 1 IN MX 10 mail.{FRIEND}."


def test_a_name_without_that_type_is_no_data(zone: Zone) -> None:
    """NOERROR with an SOA and no answer: the name exists, the type does not (RFC 2308 2.2)."""
    reply = ask(zone, FRIEND, "AAAA")
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert reply.authority[0].rdtype == dns.rdatatype.SOA


def test_the_name_above_an_existing_one_exists(zone: Zone) -> None:
    """_domainkey.friend.example has no records but a child, so it is not NXDOMAIN (RFC 8020)."""
    assert ask(zone, f"_domainkey.{FRIEND}", "TXT").rcode() == dns.rcode.NOERROR


def test_everything_else_does_not_exist(zone: Zone) -> None:
    """The zone is the whole of DNS: a blocklist on the real internet is not there either."""
    assert ask(zone, "zen.spamhaus.org", "A").rcode() == dns.rcode.NXDOMAIN


def test_an_alias_is_followed(zone: Zone) -> None:
    """A CNAME comes with what it points to."""
    zone.update({"www.friend.example": {"CNAME": ("mail.friend.example.",)}})
    reply = ask(zone, "www.friend.example", "A")
    assert [rrset.rdtype for rrset in reply.answer] == [dns.rdatatype.CNAME, dns.rdatatype.A]


def test_a_name_can_be_made_to_fail(zone: Zone) -> None:
    """SERVFAIL is neither an answer nor its absence; tests need to see what becomes of it."""
    zone.update({"broken.example": {FAIL: ()}})
    assert ask(zone, "broken.example", "TXT").rcode() == dns.rcode.SERVFAIL


def test_a_name_can_be_removed(zone: Zone) -> None:
    """An update without types takes the name out."""
    zone.update({f"mail.{FRIEND}": {}})
    assert ask(zone, f"mail.{FRIEND}", "A").rcode() == dns.rcode.NXDOMAIN


def test_long_text_is_joined_again(zone: Zone) -> None:
    """A DKIM key is longer than one TXT string holds; readers join it (RFC 6376 3.6.2.2)."""
    found = zone.txt(f"outside._domainkey.{FRIEND}")
    assert found == b"v=DKIM1; k=rsa; p=" + KEY.encode()
    assert zone.txt(f"mail.{FRIEND}") is None


def test_text_is_quoted() -> None:
    """Quotes and backslashes survive, and each string holds at most 255 octets."""
    assert txt('say "hi" \\') == '"say \\"hi\\" \\\\"'
    assert txt("x" * 256) == f'"{"x" * 255}" "x"'


def test_a_server_has_a_name_that_points_back() -> None:
    """PTR and A of a well-run server agree."""
    records = mail_domain("x.example", "198.18.3.10", KEY)
    assert records["10.3.18.198.in-addr.arpa."]["PTR"] == ("mail.x.example.",)
    assert records["mail.x.example"]["A"] == ("198.18.3.10",)


def test_a_domain_may_publish_no_policy() -> None:
    """Neither SPF nor DMARC is a must."""
    records = mail_domain("x.example", "198.18.3.10", KEY, spf="", dmarc="")
    assert "TXT" not in records["x.example"]
    assert "_dmarc.x.example" not in records


def test_a_listed_address_is_found_backwards(zone: Zone) -> None:
    """A DNSBL is asked with the octets in reverse order (RFC 5782 2.1)."""
    zone.update(listed("198.18.3.10"))
    assert ask(zone, "10.3.18.198.blocklist.example", "A").answer[0][0].to_text() == "127.0.0.2"


def test_two_questions_in_one_are_a_format_error(zone: Zone) -> None:
    """A message with more or less than one question has no answer (RFC 9619)."""
    query = dns.message.make_query(FRIEND, "A")
    query.question.clear()
    assert zone.answer(query).rcode() == dns.rcode.FORMERR
