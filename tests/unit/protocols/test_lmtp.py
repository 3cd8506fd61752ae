"""LMTP commands, messages and replies as octets."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read, read_every_way, refused_every_way, ways

from mailstack.errors import ProtocolError
from mailstack.protocols import lmtp
from mailstack.protocols.lmtp import Body, Command, CommandReader, Data, EndOfBody, Event, Malformed
from mailstack.protocols.lmtp_body import BodyReader, dot, undot
from mailstack.protocols.lmtp_replies import (
    MAX_REPLY_LINE,
    MAX_REPLY_LINES,
    Reply,
    ReplyReader,
    extensions,
    reply,
)


class Commands:
    """A session that accepts every DATA; the pieces of a message are joined."""

    def __init__(self) -> None:
        self.reader = CommandReader()
        self.body = b""

    def feed(self, data: bytes) -> Iterator[Command | Body]:
        self.reader.feed(data)
        while (event := self.reader.next_event()) is not None:
            yield from self._seen(event)

    def _seen(self, event: Event) -> Iterator[Command | Body]:
        match event:
            case Body(octets):
                self.body += octets
            case EndOfBody():
                yield Body(self.body)
                self.body = b""
            case _:
                if isinstance(event, Data):
                    self.reader.begin_body()
                yield event


class Replies:
    """A reader of replies in the shape of the other readers."""

    def __init__(self) -> None:
        self.reader = ReplyReader()

    def feed(self, data: bytes) -> Iterator[Reply]:
        self.reader.feed(data)
        while (found := self.reader.next_reply()) is not None:
            yield found


def test_a_whole_session_is_read() -> None:
    """Commands and messages come out the same however the stream is cut."""
    read_every_way(
        Commands,
        b"LHLO mx.test\r\nmail from:<a@x.test> SIZE=10 BODY=8BITMIME\r\nRCPT TO: <b@x.test>\r\n"
        b"DATA\r\nSubject: x\r\n\r\n..dot\r\n\r\n.\r\n"
        b"NOOP x\r\nMAIL FROM:<>\r\nDATA\r\n.\r\nQUIT\r\n",
        [
            lmtp.Lhlo(b"mx.test"),
            lmtp.Mail(b"a@x.test", (b"SIZE=10", b"BODY=8BITMIME")),
            lmtp.Rcpt(b"b@x.test"),
            Data(),
            Body(b"Subject: x\r\n\r\n..dot\r\n\r\n"),
            lmtp.Noop(),
            lmtp.Mail(b""),
            Data(),
            Body(b""),
            lmtp.Quit(),
        ],
    )


@pytest.mark.parametrize(
    "false_end",
    [
        b"\n.\n",
        b"\n.\r",
        b"\r.\n",
        b"\r.\r",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
    ],
)
def test_only_one_end_of_data(false_end: bytes) -> None:
    """A bare CR or LF ends neither a line nor a message: the seven forms of SMTP smuggling."""
    message = b"a" + false_end + b"MAIL FROM:<evil@x.test>"
    read_every_way(
        Commands, b"DATA\r\n" + message + b"\r\n.\r\n", [Data(), Body(message + b"\r\n")]
    )


def test_refused_data_is_followed_by_commands() -> None:
    """Whoever refuses DATA reads commands next, not a message."""
    reader = CommandReader()
    reader.feed(b"DATA\r\nRSET\r\n")
    assert [reader.next_event(), reader.next_event(), reader.next_event()] == [
        Data(),
        lmtp.Rset(),
        None,
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'RCPT TO:<"a b>c\\"d"@x.test>', lmtp.Rcpt(b'"a b>c\\"d"@x.test')),
        ("RCPT TO:<jürgen@bücher.test>".encode(), lmtp.Rcpt("jürgen@bücher.test".encode())),
        (b"MAIL FROM:<a@x.test> SMTPUTF8", lmtp.Mail(b"a@x.test", (b"SMTPUTF8",))),
        (b"MAIL FROM:<a@x.test>  ", lmtp.Mail(b"a@x.test")),
        (b"VRFY someone", lmtp.Vrfy()),
    ],
)
def test_addresses(line: bytes, expected: Command) -> None:
    """Quoted local parts, UTF-8 and parameters are read as they are."""
    assert lmtp.parse(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"MAIL FROM:a@x.test",
        b"MAIL <a@x.test>",
        b"MAIL FROM:<a@x.test",
        b"MAIL FROM:<a@x.test>SIZE=1",
        b"MAIL FROM:<a b@x.test>",
        b"MAIL FROM:<a\tb@x.test>",
        b"MAIL FROM:<a\n.\nb@x.test>",
        b'MAIL FROM:<"a@x.test>',
        b"MAIL FROM:<a@x.test> SIZE=",
        b"MAIL FROM:<a@x.test> =1",
        b"RCPT TO:<>",
        b"RCPT FROM:<a@x.test>",
        b"RSET now",
        b"DATA 1",
        b"LHLO ",
        b"EHLO mx.test",
        b"",
        b"\x00\xff",
    ],
)
def test_nonsense_is_refused(line: bytes) -> None:
    """What is no command gets a permanent reply of its own."""
    command = lmtp.parse(line)
    assert isinstance(command, Malformed)
    assert 500 <= command.reply.code < 560


def test_an_endless_line_is_refused_once() -> None:
    """It is complained of once, its rest is thrown away, and the next command is read."""
    stream = b"NOOP " + b"x" * 9000 + b"\r\nNOOP\r\n"
    for size in (1, 1000, len(stream)):
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        refused, noop = read(Commands(), pieces)
        assert isinstance(refused, Malformed)
        assert noop == lmtp.Noop()


@given(st.binary(), st.integers(min_value=1, max_value=7))
def test_a_message_survives_the_wire(message: bytes, size: int) -> None:
    """Doubling dots, reading in pieces and undoubling gives the message back."""
    message += b"\r\n"
    stream = dot(message) + b".\r\nREST"
    reader, body, rest = BodyReader(), b"", None
    for start in range(0, len(stream), size):
        certain, rest = reader.feed(stream[start : start + size])
        body += certain
        if rest is not None:
            break
    assert undot(body) == message
    assert rest is not None
    assert b"REST".startswith(rest)


@given(st.binary())
def test_any_octets_are_read_the_same_however_cut(stream: bytes) -> None:
    """No stream, however mad, is read differently in pieces."""
    expected = read(Commands(), [stream])
    for pieces in ways(stream):
        assert read(Commands(), pieces) == expected


def test_replies_are_read() -> None:
    """One line or several, with and without text, and a bare LF at the end of a line."""
    read_every_way(
        Replies,
        b"220 ready\r\n250-mailboxes\r\n250-8BITMIME\r\n250 PIPELINING\r\n354\r\n250 \n",
        [
            reply(220, "ready"),
            reply(250, "mailboxes", "8BITMIME", "PIPELINING"),
            reply(354, ""),
            reply(250, ""),
        ],
    )


@pytest.mark.parametrize(
    "stream",
    [
        b"what?\r\n",
        b"150 x\r\n",
        b"25 x\r\n",
        b"250-a\r\n251 b\r\n",
        b"2500 x\r\n",
        b"\r\n",
        b"250-a\r\n\r\n",
    ],
)
def test_what_is_no_reply(stream: bytes) -> None:
    """Anything else is a fault of the server."""
    refused_every_way(Replies, stream, ProtocolError)


@pytest.mark.parametrize(
    "stream", [b"250 " + b"x" * MAX_REPLY_LINE, b"250-x\r\n" * (MAX_REPLY_LINES + 1)]
)
def test_endless_replies(stream: bytes) -> None:
    """A reply is bounded in its lines and in each line."""
    with pytest.raises(ProtocolError):
        read(Replies(), [stream])


@given(
    st.integers(min_value=200, max_value=599),
    st.lists(st.binary().filter(lambda line: not set(line) & {10, 13}), min_size=1, max_size=5),
)
def test_replies_survive_the_wire(code: int, lines: list[bytes]) -> None:
    """A reply that is passed on is the reply that came."""
    said = Reply(code, tuple(lines))
    assert read(Replies(), [said.encode()]) == [said]


def test_extensions() -> None:
    """Keywords are compared in capitals; the greeting's own line is none."""
    lhlo = reply(250, "SIZE is my name", "Pipelining", "SIZE 100")
    assert extensions(lhlo) == {b"PIPELINING", b"SIZE"}
