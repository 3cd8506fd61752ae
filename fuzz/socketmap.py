"""Socketmap requests, as anybody may send them to a lookup port; the short way included."""

from tests.contracts.codec import read_until_fault

from fuzz.pieces import pieces
from mailstack.protocols.socketmap import RequestReader

SEEDS = (b"15:domains a.test ,", b"4:a b ,3:a b,", b"0:,", b"05:a b c,", b"99999:")
WORDS = (b"3:a b,", b":", b",", b" ", b"4096:", b"999999999:")


def one(data: bytes) -> None:
    expected = read_until_fault(RequestReader(), [data])
    for parts in pieces(data):
        assert read_until_fault(RequestReader(), parts) == expected, parts
    only = RequestReader().only(data)
    assert only is None or expected == ([only], False)
