"""What Dovecot's auth process answers."""

from fuzz.pieces import pieces
from mailstack.errors import ProtocolError
from mailstack.protocols.dovecot_auth import Event, Reader

SEEDS = (
    b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t7\nCUID\t1\nCOOKIE\tff\nDONE\n",
    b"OK\t1\tuser=anna@example.org\nFAIL\t2\tuser=x\ttemp\nFAIL\t3\n",
    b"CONT\t1\tabc\n",
)
WORDS = (b"\t", b"\n", b"user=", b"\x01t", b"\x011", b"temp", b"OK\t", b"FAIL\t", b"DONE\n")


def read(parts: list[bytes]) -> list[Event | str]:
    """Every event, and ``fault`` at the first mistake."""
    reader, found = Reader(), list[Event | str]()
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
