"""LMTP commands and messages, as Postfix's side may send them."""

from fuzz.pieces import pieces
from mailstack.protocols.lmtp import (
    MAX_COMMAND,
    Body,
    CommandReader,
    Data,
    EndOfBody,
    Mail,
    Malformed,
    Rcpt,
)
from mailstack.protocols.lmtp_body import dot, undot

SEEDS = (
    (
        b"LHLO mx.test\r\nMAIL FROM:<a@x.test> SIZE=1\r\nRCPT TO:<b@x.test>\r\n"
        b"DATA\r\nA: b\r\n\r\n..\r\n.\r\n"
    ),
    b'RSET\r\nMAIL FROM:<"a b"@x.test>\r\nDATA\r\n.\r\nQUIT\r\n',
)
WORDS = (
    b"\r\n.\r\n",
    b"\n.\n",
    b"DATA\r\n",
    b"MAIL FROM:<",
    b"RCPT TO:<",
    b">",
    b'"',
    b"\\",
    b"<",
    b"x" * 5000,
)


def events(parts: list[bytes]) -> list[object]:
    """What is read, with the pieces of a message joined."""
    reader, found, body = CommandReader(), [], b""
    for part in parts:
        reader.feed(part)
        while (event := reader.next_event()) is not None:
            match event:
                case Body(octets):
                    body += octets
                case EndOfBody():
                    found.append(body)
                    body = b""
                case _:
                    if isinstance(event, Data):
                        reader.begin_body()
                    found.append(event)
        assert len(reader._buffer) <= MAX_COMMAND + 2  # noqa: SLF001 - the bound is what is tested
    return found


def one(data: bytes) -> None:
    expected = events([data])
    for parts in pieces(data):
        assert events(parts) == expected, parts
    for event in expected:
        safe(event)


def safe(event: object) -> None:
    """What goes into other dialogs and into header fields holds no line end."""
    match event:
        case Mail(address) | Rcpt(address):
            assert not set(address) & {0, 10, 13}, address
            assert not any(set(p) & {0, 10, 13, 32} for p in event.parameters)
        case bytes():
            assert b"\r\n.\r\n" not in event
            assert undot(dot(event)) == event
        case Malformed(reply):
            assert reply.encode().startswith(b"5")
