"""Headers that claim a verdict."""

import re

from fuzz.pieces import pieces
from mailstack.contentfilter.forged import ForgedFields

SEEDS = (
    b"A: b\r\nX-Spam-Flag: YES\r\n\tfolded\r\nB: c\r\n\r\nX-Spam-Flag: body\r\n",
    b"X-Spam-\n\n",
)
WORDS = (b"X-Spam-", b"x-spam-", b"\r\n ", b"\n\t", b"\r\n\r\n", b".")


def clean(parts: list[bytes]) -> bytes:
    forged = ForgedFields()
    return b"".join(forged.feed(part) for part in parts) + forged.finish()


def one(data: bytes) -> None:
    expected = clean([data])
    for parts in pieces(data):
        assert clean(parts) == expected, parts
    header = re.split(rb"(?:\A|(?<=\n))\r?\n", expected, maxsplit=1)[0]
    assert not re.search(rb"^\.?x-spam-", header, re.MULTILINE | re.IGNORECASE)
