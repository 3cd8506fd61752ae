"""The first packets of a milter session."""

import struct

import pytest

from mailstack.daemons.opendkim.milter import is_negotiation, negotiation, packet


def test_a_packet_starts_with_its_length() -> None:
    """Four octets, most significant first, counting the command."""
    assert packet(b"Q") == b"\0\0\0\1Q"
    assert negotiation()[:9] == b"\0\0\0\x0dO\0\0\0\6"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"O" + struct.pack(">III", 6, 0, 0), True),
        (b"O" + struct.pack(">III", 2, 0x3F, 0x7F) + b"macros", True),
        (b"O" + b"\0" * 11, False),
        (b"r", False),
        (b"", False),
    ],
)
def test_answers(body: bytes, expected: bool) -> None:  # noqa: FBT001
    """Only a whole answer to the negotiation counts."""
    assert is_negotiation(body) is expected
