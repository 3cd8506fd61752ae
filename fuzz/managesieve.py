"""Commands of mail programs, and what the session makes of them."""

from fuzz.pieces import pieces
from mailstack.errors import ProtocolError
from mailstack.protocols.managesieve import CommandReader, Line

SEEDS = (
    b'PUTSCRIPT "a" {5+}\r\nkeep;\r\nLISTSCRIPTS\r\n',
    b'AUTHENTICATE "PLAIN" "AGEAYg=="\r\nSTARTTLS\r\nLOGOUT\r\n',
    b'HAVESPACE "a\\"b\\\\" 12\r\nNOOP {3+}\r\nabc\r\n',
    b"CHECKSCRIPT {100+}\r\n" + b"x" * 100 + b"\r\n",
)
WORDS = (b"{0+}\r\n", b"{65+}\r\n", b"{9}\r\n", b'"', b"\\", b"\r\n", b"\n", b" ", b"\0", b"*\r\n")
LIMIT = 64


def read(parts: list[bytes]) -> list[Line | str]:
    """Every command, and ``fault`` where the stream cannot be followed further."""
    reader, found = CommandReader(LIMIT), list[Line | str]()
    try:
        for part in parts:
            found.extend(reader.feed(part))
    except ProtocolError:
        found.append("fault")
    return found


def one(data: bytes) -> None:
    expected = read([data])
    for parts in pieces(data):
        assert read(parts) == expected, parts
