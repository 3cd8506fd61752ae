"""What is kept of a message: enough to verify it, and no more than a bound."""

from mailstack.contentfilter.milter_message import HEADER_OCTETS, Message
from mailstack.identity.body import Kind
from mailstack.protocols.milter import HeaderField

SIGNATURE = HeaderField(b"DKIM-Signature", b" v=1; a=rsa-sha256; c=relaxed/simple; d=x; s=s; b=")
PIECE = b"x" * 63_998 + b"\r\n"


def heard(*fields: HeaderField, login: str = "", pieces: int = 1, keep: bool = False) -> Message:
    message = Message(b"bob@a.example", login, 1_000_000, 10)
    for field in fields:
        message.add_field(field)
    message.end_header()
    for _ in range(pieces):
        message.add_body(PIECE, keep=keep)
    return message


def test_a_large_body_is_hashed_and_not_kept() -> None:
    """60 MB pass through; the header stays, and a hash."""
    message = heard(SIGNATURE, pieces=1000)
    assert message.hashes is not None
    assert set(message.hashes.finish()) == {Kind(b"simple", None)}
    assert message.octets() == message.header
    assert len(message.header) < 100


def test_what_is_not_signed_is_not_hashed() -> None:
    """Nor what a user sends."""
    assert heard().hashes is None
    assert heard(SIGNATURE, login="anna@example.org").hashes is None


def test_what_is_scanned_is_kept_up_to_a_limit() -> None:
    """Header and body together."""
    small = heard(SIGNATURE, pieces=2, keep=True)
    assert small.whole
    assert small.octets() == small.header + 2 * PIECE
    assert not heard(SIGNATURE, pieces=16, keep=True).whole


def test_a_header_without_end() -> None:
    """Of one that is too long nothing is kept, however it goes on."""
    field = HeaderField(b"X-Long", b" " + b"x" * 60_000)
    message = heard(*[field] * 20, SIGNATURE, field)
    assert message.size > HEADER_OCTETS
    assert message.header == b""
    assert not message.whole
