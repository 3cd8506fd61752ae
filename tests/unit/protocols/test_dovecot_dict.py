"""Dovecot's dict protocol, versions 3 (Dovecot 2.3) and 4 (Dovecot 2.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read, read_every_way, refused_every_way

from mailstack.errors import ProtocolError
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols import dovecot_dict as wire
from mailstack.protocols.dovecot_dict import CommandReader

HELLO_23 = b"H3\t2\t0\t\tmailstack\n"
HELLO_24 = b"H4\t0\t0\t\tmailstack\n"


def test_dovecot_2_3_is_read() -> None:
    """The commands of a 2.3 client, with escapes in key and user."""
    read_every_way(
        CommandReader,
        HELLO_23 + b"Lshared/passdb/a\x01tb@x.test\ta@x.test\nI8\t0\tshared/userdb/\t\nLk\n",
        [
            wire.Hello(3, 2, "mailstack"),
            wire.Lookup("shared/passdb/a\tb@x.test", "a@x.test"),
            wire.Iterate(8, 0, "shared/userdb/", ""),
            wire.Lookup("k", ""),
        ],
    )


def test_dovecot_2_4_is_read() -> None:
    """A 2.4 transaction: B has an expiry, V hides values from logs."""
    read_every_way(
        CommandReader,
        HELLO_24 + b"B7\tu\t0\nV7\tyes\nS7\tk\tv\nU7\tk\nA7\tk\t-1\nT7\t1\t2\nC7\nB8\tu\t0\nR8\n",
        [
            wire.Hello(4, 0, "mailstack"),
            wire.Begin(7),
            *[wire.Change(7)] * 5,
            wire.Commit(7),
            wire.Begin(8),
            wire.Rollback(8),
        ],
    )


@pytest.mark.parametrize(
    "line",
    [b"X", b"", b"Ix\t0\tp", b"I0\t0", b"B", b"Bx", b"B-1", b"C", b"L\xff", HELLO_23[:-1]],
)
def test_broken_commands_are_refused(line: bytes) -> None:
    """An unknown letter, a missing field, no number, no UTF-8, a second hello: each is a fault."""
    hello = wire.Hello(3, 2, "mailstack")
    refused_every_way(CommandReader, HELLO_23 + line + b"\n", wire.BadCommand, before=[hello])


@pytest.mark.parametrize(
    "line", [b"Lk\tu", b"H2\t0\t0\t\tx", b"H5\t0\t0\t\tx", b"H3\t2", b"Hx\t2\t0\t\tx"]
)
def test_a_connection_begins_with_a_hello(line: bytes) -> None:
    """Without a hello of a version spoken here, nothing is read."""
    refused_every_way(CommandReader, line + b"\n", wire.BadCommand)


def test_an_endless_line_is_refused() -> None:
    """The buffer of one connection stays bounded."""
    reader = CommandReader()
    read(reader, [HELLO_23, b"L" + b"x" * (wire.MAX_LINE - 2)])
    with pytest.raises(wire.LineTooLong):
        read(reader, [b"x"])


@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        (Found("a\tb\nc\x01\r\0"), b"Oa\x01tb\x01nc\x011\x01r\x010\n"),
        (NotFound(), b"N\n"),
        (Unavailable("disk on fire"), b"Ftry again later\n"),
    ],
)
def test_three_answers(outcome: Outcome[str], reply: bytes) -> None:
    """An outage is a failure, which says nothing of its reason; Dovecot then answers 4xx."""
    assert wire.encode(outcome) == reply


def test_the_longest_answer() -> None:
    """A value beyond the limit is a failure, never 'not found'."""
    assert len(wire.encode(Found("x" * (wire.MAX_REPLY - 2)))) == wire.MAX_REPLY
    assert wire.encode(Found("\n" * (wire.MAX_REPLY // 2))) == wire.TOO_LONG


def test_rows_and_refusals() -> None:
    """Rows of an iteration hold key and value; a commit is refused by the number it had."""
    assert wire.encode_row("shared/userdb/a", "\t") == b"Oshared/userdb/a\t\x01t\n"
    assert wire.encode_refusal(7).startswith(b"F7\tread only")


def test_unknown_escapes_are_read_as_dovecot_reads_them() -> None:
    """An unknown code stands for itself; one cut off at the end for nothing."""
    assert wire.unescape(b"a\x01xb\x01") == b"axb"


@given(st.binary())
def test_escaping_is_undone(text: bytes) -> None:
    """Any octets survive, and what is escaped holds neither tab nor newline."""
    escaped = wire.escape(text)
    assert wire.unescape(escaped) == text
    assert not set(escaped) & set(b"\0\t\r\n")


@given(st.binary(max_size=80), st.integers(1, 9))
def test_noise_is_read_or_refused(noise: bytes, size: int) -> None:
    """After a hello, any octets are commands or a ProtocolError, and nothing else."""
    reader = CommandReader()
    pieces = [noise[i : i + size] for i in range(0, len(noise), size)]
    try:
        read(reader, [HELLO_23, *pieces])
    except ProtocolError:
        return
