"""tcp_table requests, as anybody may send them to a lookup port."""

from tests.contracts.codec import read_until_fault

from fuzz.pieces import pieces
from mailstack.protocols.tcp_table import MAX_LINE, RequestReader, escape

SEEDS = (b"get a@example.org\n", b"get a%20b%25\r\n", b"get \n", b"put a b\n", b"get %zz\n")
WORDS = (b"get ", b"\n", b"\r\n", b"%0a", b"%", b"x" * MAX_LINE)


def one(data: bytes) -> None:
    expected = read_until_fault(RequestReader(), [data])
    for parts in pieces(data):
        assert read_until_fault(RequestReader(), parts) == expected, parts
    if len(data) < MAX_LINE // 4:
        assert list(RequestReader().feed(b"get " + escape(data) + b"\n")) == [data]
