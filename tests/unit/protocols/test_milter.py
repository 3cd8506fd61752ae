"""The milter protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read_every_way, read_until_fault, refused_every_way

from mailstack.protocols import milter
from mailstack.protocols.milter import Reader


def packet(letter: bytes, data: bytes = b"") -> bytes:
    return (len(data) + 1).to_bytes(4) + letter + data


def offer(version: int = 6, protocol: int = 0x1FFFFF) -> bytes:
    return packet(b"O", b"".join(n.to_bytes(4) for n in (version, 0x1FF, protocol)))


DIALOG = b"".join(
    [
        offer(),
        packet(b"D", b"Cj\0mx.example.org\0{daemon_name}\0VERIFYING\0"),
        packet(b"C", b"client.example.net\x004\x30\x39192.0.2.1\0"),
        packet(b"H", b"client.example.net\0"),
        packet(b"D", b"M{auth_authen}\0anna@example.org\0"),
        packet(b"M", b"<anna@example.org>\0SIZE=100\0"),
        packet(b"R", b"<bob@example.net>\0"),
        packet(b"L", b"Subject\0 hello\n\tyou\0"),
        packet(b"N"),
        packet(b"B", b"first\r\n"),
        packet(b"E", b"last\r\n"),
        packet(b"A"),
        packet(b"K"),
        packet(b"Q"),
    ]
)
EVENTS = [
    milter.Offer(6, 0x1FFFFF),
    milter.Macros(b"C", {b"j": b"mx.example.org", b"daemon_name": b"VERIFYING"}),
    milter.Connected(b"client.example.net", b"192.0.2.1"),
    milter.Helo(b"client.example.net"),
    milter.Macros(b"M", {b"auth_authen": b"anna@example.org"}),
    milter.MailFrom(b"anna@example.org"),
    milter.RcptTo(b"bob@example.net"),
    milter.HeaderField(b"Subject", b" hello\n\tyou"),
    milter.EndOfHeader(),
    milter.BodyPiece(b"first\r\n"),
    milter.BodyPiece(b"last\r\n"),
    milter.EndOfMessage(),
    milter.Abandoned(),
    milter.Quit(again=True),
    milter.Quit(),
]


def test_a_whole_dialog_is_read() -> None:
    """Every step is read, with the last piece of body before the end of the message."""
    read_every_way(Reader, DIALOG, EVENTS)


@pytest.mark.parametrize(
    ("data", "event"),
    [
        (b"local\0L\0\0/run/x\0", milter.Connected(b"local", b"")),
        (b"unknown\0U", milter.Connected(b"unknown", b"")),
        (b"six\x006\0\x19IPv6:2001:db8::1\0", milter.Connected(b"six", b"2001:db8::1")),
    ],
)
def test_clients(data: bytes, event: milter.Connected) -> None:
    """A client has an IP address, or none."""
    read_every_way(Reader, packet(b"C", data), [event])


def test_the_empty_sender() -> None:
    """A bounce has a sender that is empty, and a message may have no body."""
    stream = packet(b"M", b"<>\0") + packet(b"E")
    read_every_way(Reader, stream, [milter.MailFrom(b""), milter.EndOfMessage()])


def test_more_than_asked_for() -> None:
    """Texts behind those that a packet must have are no fault."""
    stream = packet(b"L", b"a\0 b\0c\0") + packet(b"H", b"one\0two\0")
    read_every_way(Reader, stream, [milter.HeaderField(b"a", b" b"), milter.Helo(b"one")])


@pytest.mark.parametrize(
    "bad",
    [
        b"\0\0\0\0",
        (milter.MAX_PACKET + 1).to_bytes(4),
        packet(b"x"),
        packet(b"O", b"short"),
        packet(b"C", b"no family"),
        packet(b"C", b"name\x004\0\0no end"),
        packet(b"H", b"no end"),
        packet(b"L", b"name\0"),
        packet(b"R", b""),
        packet(b"D", b""),
        packet(b"D", b"Mname\0"),
    ],
)
def test_faults_are_found(bad: bytes) -> None:
    """What is no packet ends the connection, after what came before it was read."""
    refused_every_way(
        Reader, packet(b"N") + bad + packet(b"N"), milter.BadPacket, before=[milter.EndOfHeader()]
    )


def test_what_is_asked_for() -> None:
    """The steps are told without waiting, and nothing is changed; the body only where it counts."""
    asked = offer(protocol=0xFFFFFFFF)
    (told,) = Reader().feed(asked)
    assert isinstance(told, milter.Offer)
    with_body, without = (milter.accept(told, body=body) for body in (True, False))
    assert with_body[:5] == b"\0\0\0\x0dO"
    assert int.from_bytes(with_body[5:9]) == 6
    assert int.from_bytes(with_body[9:13]) == 0
    assert int.from_bytes(with_body[13:17]) == milter.WANTED
    assert int.from_bytes(without[13:17]) == milter.WANTED | milter.NO_BODY


@pytest.mark.parametrize(("version", "protocol"), [(2, 0xFFFFFFFF), (6, 0x7F)])
def test_an_old_server(version: int, protocol: int) -> None:
    """A server that cannot do without answers is told so at once."""
    with pytest.raises(milter.TooOld):
        milter.accept(milter.Offer(version, protocol), body=True)


def test_refusals_are_one_line() -> None:
    """Whatever stands in a reply, it is one line of ASCII that no server takes for a format."""
    assert milter.refuse("550 5.7.1 no") == b"\0\0\0\x0ey550 5.7.1 no\0"
    assert milter.refuse("550 5.7.1 100%\r\né") == b"\0\0\0\x13y550 5.7.1 100????\0"


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    """Cutting the stream does not change what is read, nor whether it is refused."""
    whole = read_until_fault(Reader(), [data])
    assert read_until_fault(Reader(), [data[i : i + 1] for i in range(len(data))]) == whole
