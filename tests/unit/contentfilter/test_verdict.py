"""From spamd's answer to the fields of a copy."""

from mailstack.contentfilter.profiles import Own, mailbox_of, own_or_shared
from mailstack.contentfilter.verdict import scored
from mailstack.model.addresses import Address
from mailstack.model.spamkey import SITE, spam_key
from mailstack.protocols.spamc import Scored


def fields(header: bytes, *, spam: bool = False) -> bytes:
    return scored(Scored(spam, 7.25, 5.0, header)).fields


def test_only_spamds_fields_are_taken() -> None:
    """Folded fields whole, with CRLF whatever spamd used; the message's own stay where they are."""
    header = b"Return-Path: <a>\nX-Spam-Status: No, score=0.1\n\ttests=A,\n B\nSubject: X-Spam-\n\n"
    assert fields(header) == b"X-Spam-Status: No, score=0.1\r\n\ttests=A,\r\n B\r\n"


def test_the_body_is_not_searched() -> None:
    """Spamd leaves the body in when line ends are mixed."""
    assert b"evil" not in fields(b"X-Spam-Status: No\r\n\r\nX-Spam-Report: evil\r\n")


def test_flag_and_status_are_always_there() -> None:
    """An owner's template may have removed what the sieve rule looks at."""
    assert fields(b"Subject: x\r\n\r\n", spam=True) == (
        b"X-Spam-Reason: 7.2 of 5.0\r\n"
        b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=7.2 required=5.0\r\n"
    )


def test_mailboxes() -> None:
    """The tag and the case do not make another mailbox; a leading delimiter is no tag."""
    assert mailbox_of("Bob+News+x@Example.org", "+") == "bob@example.org"
    assert mailbox_of("+bob@example.org", "+") == "+bob@example.org"
    assert mailbox_of("bob-news@example.org", "-") == "bob@example.org"


def test_profiles() -> None:
    """Mailboxes without rules or training of their own share one profile."""
    profile = own_or_shared({"bob@example.org"}, "+")
    bob = spam_key(Address("bob@example.org"))
    assert [profile("Bob+a@example.org"), profile("carol@example.org")] == [bob, SITE]


def test_a_mailbox_beyond_ascii() -> None:
    """It has one name, however its letters are written."""
    assert mailbox_of("GRÖSSE+x@Bücher.example", "+") == mailbox_of(
        "größe@xn--bcher-kva.example", "+"
    )
    assert mailbox_of("\udcff@example.org", "+") == "\udcff@example.org"


def test_until_it_is_known() -> None:
    """As long as nobody can tell who has a profile, everybody is asked for by name."""
    own = Own()
    profile = own_or_shared(own, "+")
    assert profile("carol@example.org") == spam_key(Address("carol@example.org"))
    own.known = True
    assert profile("carol@example.org") == SITE
