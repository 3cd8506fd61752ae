"""Milter packets, as anybody may send them to the port; and any text as a refusal."""

from tests.contracts.codec import read_until_fault

from fuzz.pieces import pieces
from mailstack.protocols.milter import Reader, refuse

SEEDS = (
    b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff",
    b"\0\0\0\x0fC4.example\x004\0\x191.2.3.4\0",
    b"\0\0\0\x08M<a@b>\0x\0",
    b"\0\0\0\x08DM{i}\0A\0\0\0\0\x05Rb@c\0",
    b"\0\0\0\x07La\0 b\0\0\0\0\x01N\0\0\0\x03Bxx\0\0\0\x01E\0\0\0\x01Q",
)
WORDS = (b"\0\0\0\1N", b"\0\0\0\1E", b"IPv6:", b"\0", b"{auth_authen}", b"\0\x0f\xff\xff")


def one(data: bytes) -> None:
    expected = read_until_fault(Reader(), [data])
    for parts in pieces(data):
        assert read_until_fault(Reader(), parts) == expected, parts
    reply = refuse(data.decode("utf-8", "replace"))
    assert int.from_bytes(reply[:4]) == len(reply) - 4
    assert reply.count(b"\0", 5) == 1
    assert not set(reply[5:-1]) & set(b"\r\n%")
