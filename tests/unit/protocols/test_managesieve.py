"""The ManageSieve grammar, read however the network cuts it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read_every_way, refused_every_way

from mailstack.errors import ProtocolError
from mailstack.protocols.managesieve import (
    MAX_LINE,
    MAX_SWALLOWED,
    MAX_TOKENS,
    Atom,
    BadLiteral,
    CommandReader,
    LineTooLong,
    Malformed,
    TooLarge,
    capabilities,
    response,
    string,
)

LIMIT = 64
NOT_A_COMMAND = Malformed("not a command of this protocol")


def reader() -> CommandReader:
    return CommandReader(LIMIT)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"CAPABILITY\r\n", [(Atom("CAPABILITY"),)]),
        (b"logout\n", [(Atom("LOGOUT"),)]),
        (b'HAVESPACE "a b" 99\r\n', [(Atom("HAVESPACE"), b"a b", 99)]),
        (b'SETACTIVE "a\\"b\\\\c"\r\n', [(Atom("SETACTIVE"), b'a"b\\c')]),
        (b'PUTSCRIPT "x" {5+}\r\nke\r\np\r\n', [(Atom("PUTSCRIPT"), b"x", b"ke\r\np")]),
        (b"GETSCRIPT {1+}\r\nx\r\nNOOP\r\n", [(Atom("GETSCRIPT"), b"x"), (Atom("NOOP"),)]),
        (b"CHECKSCRIPT {0+}\r\n\r\n", [(Atom("CHECKSCRIPT"), b"")]),
        (b"RENAMESCRIPT {1+}\r\na {1+}\r\nb\r\n", [(Atom("RENAMESCRIPT"), b"a", b"b")]),
        (
            b'PUTSCRIPT "x" {65+}\r\n' + b"-" * 65 + b"\r\n",
            [(Atom("PUTSCRIPT"), b"x", TooLarge(65))],
        ),
        (b"\r\n", [()]),
        (b'"bWU="\r\n', [(b"bWU=",)]),
        (b"*\r\nNOOP\r\n", [NOT_A_COMMAND, (Atom("NOOP"),)]),
        (b'NOOP"x"\r\n', [NOT_A_COMMAND]),
        (b'NOOP "open\r\n', [NOT_A_COMMAND]),
        (b"NOOP 12345678901\r\n", [NOT_A_COMMAND]),
        (b'NOOP "\x00"\r\n', [NOT_A_COMMAND]),
        (b"1 " * (MAX_TOKENS + 1) + b"\r\n", [Malformed("too many words in one command")]),
    ],
)
def test_a_stream_is_the_same_commands_however_it_is_cut(
    stream: bytes, expected: list[object]
) -> None:
    """Lines, quoted strings and literals do not depend on the network's pieces."""
    read_every_way(reader, stream, expected)


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"NOOP {3}\r\nabc\r\n", BadLiteral),
        (b"NOOP {%d+}\r\n" % (MAX_SWALLOWED + 1), BadLiteral),
    ],
)
def test_a_literal_that_cannot_be_followed_ends_the_connection(
    stream: bytes, error: type[ProtocolError]
) -> None:
    """A synchronising literal waits for an answer that the protocol does not have."""
    refused_every_way(reader, stream, error)


@pytest.mark.parametrize("stream", [b"x" * (MAX_LINE + 1), b"x" * (MAX_LINE + 1) + b"\n"])
def test_a_line_without_end_is_refused(stream: bytes) -> None:
    """Memory is bounded whatever a peer sends."""
    with pytest.raises(LineTooLong):
        list(reader().feed(stream))


def test_empty_says_whether_something_was_sent_along() -> None:
    """The server asks this before STARTTLS."""
    commands = reader()
    assert commands.empty
    assert list(commands.feed(b"STARTTLS\r\n")) == [(Atom("STARTTLS"),)]
    assert commands.empty
    list(commands.feed(b"NOOP {4+}\r\n"))
    assert not commands.empty


@given(st.binary(max_size=LIMIT))
def test_every_string_comes_back(data: bytes) -> None:
    """What ``string`` spells, a reader reads, quotes and newlines included."""
    spelled = string(data).replace(b"}", b"+}", 1) if b"{" in string(data)[:1] else string(data)
    assert list(reader().feed(b"X " + spelled + b"\r\n")) == [(Atom("X"), data)]


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_no_octets_break_the_reader(pieces: list[bytes]) -> None:
    """Garbage is a command, malformed, or a ``ProtocolError``; never another exception."""
    commands = reader()
    try:
        for piece in pieces:
            for line in commands.feed(piece):
                assert isinstance(line, tuple | Malformed)
    except ProtocolError:
        pass


def test_responses_are_spelled_as_the_rfc_has_them() -> None:
    """RFC 5804 1.2, 1.3 and 1.7."""
    assert response("OK") == b"OK\r\n"
    assert response("NO", 'a "b"', code="QUOTA/MAXSIZE") == b'NO (QUOTA/MAXSIZE) "a \\"b\\""\r\n'
    assert response("BYE", "two\nlines") == b"BYE {9}\r\ntwo\nlines\r\n"
    assert capabilities([("SASL", ""), ("STARTTLS", None)]) == b'"SASL" ""\r\n"STARTTLS"\r\n'
