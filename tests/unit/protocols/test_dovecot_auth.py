"""Dovecot's authentication protocol, as its client."""

import base64

import pytest
from tests.contracts.codec import read_every_way, refused_every_way

from mailstack.errors import ProtocolError
from mailstack.protocols.dovecot_auth import Accepted, Reader, Ready, Refused, hello, plain

GREETING = (
    b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"
    b"SPID\t77\nCUID\t3\nCOOKIE\tab\nDONE\n"
)
READY = Ready(frozenset({"PLAIN", "LOGIN"}))


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (GREETING, [READY]),
        (
            GREETING + b"OK\t1\tuser=a@b.example\toriginal_user=A\n",
            [READY, Accepted(1, "a@b.example")],
        ),
        (b"FAIL\t2\tuser=a@b.example\n", [Refused(2, temporary=False)]),
        (b"FAIL\t2\tuser=a\ttemp\n", [Refused(2, temporary=True)]),
        (b"OK\t1\tuser=a\x01tb\n", [Accepted(1, "a\tb")]),
    ],
)
def test_events_do_not_depend_on_the_pieces(stream: bytes, expected: list[object]) -> None:
    """A greeting or a reply may come in any number of reads."""
    read_every_way(Reader, stream, expected)


@pytest.mark.parametrize("stream", [b"VERSION\t2\t0\n", b"OK\tx\n", b"CONT\t1\tabc\n"])
def test_what_cannot_be_an_answer_is_refused(stream: bytes) -> None:
    """Another version, or a reply that PLAIN cannot get, is not taken for a login."""
    refused_every_way(Reader, stream, ProtocolError)


def test_an_endless_line_is_refused() -> None:
    """The buffer is bounded."""
    with pytest.raises(ProtocolError):
        list(Reader().feed(b"x" * 8193))


def test_the_question_carries_login_and_password_once() -> None:
    """SASL PLAIN's initial response is the last parameter, as Dovecot demands."""
    line = plain(7, "sieve", "ä@b.example", "p\tw").decode()
    head, _, encoded = line.rstrip("\n").partition("resp=")
    assert head == "AUTH\t7\tPLAIN\tservice=sieve\tsecured\t"
    assert base64.b64decode(encoded).decode() == "\0ä@b.example\0p\tw"
    assert b"\tsecured\trip=2001:db8::9\tresp=" in plain(7, "sieve", "a", "b", "2001:db8::9")
    assert hello(5).endswith(b"CPID\t5\n")


def test_a_nul_cannot_smuggle_another_login() -> None:
    """PLAIN separates its parts by NUL, so neither part may hold one."""
    with pytest.raises(ValueError, match="NUL"):
        plain(1, "sieve", "a\0b", "c")
