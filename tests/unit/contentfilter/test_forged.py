"""X-Spam fields that came with a message are taken out, and nothing else is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import ways

from mailstack.contentfilter.forged import ForgedFields


def clean(pieces: list[bytes]) -> bytes:
    forged = ForgedFields()
    return b"".join(forged.feed(piece) for piece in pieces) + forged.finish()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"A: b\r\n\r\nbody", b"A: b\r\n\r\nbody"),
        (b"X-Spam-Flag: NO\r\nA: b\r\n\r\n", b"A: b\r\n\r\n"),
        (b"A: b\r\nx-sPaM-foo: 1\r\n\t2\r\n 3\r\nB: c\r\n\r\n", b"A: b\r\nB: c\r\n\r\n"),
        (
            b"A: b\n X-Spam-Flag: folded\nX-Spam-Flag: NO\n\nX-Spam-Flag: body\n",
            b"A: b\n X-Spam-Flag: folded\n\nX-Spam-Flag: body\n",
        ),
        (b"A: b\nX-Spam-Flag: bare\nB: c\r\n\r\n", b"A: b\nB: c\r\n\r\n"),
        (b".X-Spam-Flag: one dot\r\n. folded\r\nA: b\r\n\r\n", b"A: b\r\n\r\n"),
        (b"X-Spammer: yes\r\nX-Spa", b"X-Spammer: yes\r\nX-Spa"),
        (b"X-Spam-Flag: no end", b""),
        (b"A: b\r\nx-spam-", b"A: b\r\n"),
        (b"X-Spam-Flag: NO\r\n ", b""),
        (b"\r\nX-Spam-Flag: body\r\n", b"\r\nX-Spam-Flag: body\r\n"),
        (b"X-Spam-Flag: NO\r\n\r\nbody", b"\r\nbody"),
        (b"", b""),
    ],
)
def test_forged_fields_go(message: bytes, expected: bytes) -> None:
    """However the message is cut, whatever ends its lines, folded or not."""
    for pieces in ways(message):
        assert clean(list(pieces)) == expected, pieces


LINES = st.lists(
    st.sampled_from(
        [b"A: b", b" folded", b"X-Spam-A: b", b"x-spam-", b".", b"..", b"", b"X-Sp", b"\t"]
    )
)


@given(LINES, st.sampled_from([b"\r\n", b"\n"]))
def test_nothing_forged_is_left(lines: list[bytes], end: bytes) -> None:
    """No field of that name is left in the header, and the rest keeps its order."""
    message = b"".join(line + end for line in lines)
    header = re.split(rb"(?:^|(?<=\n))\r?\n", clean([message]))[0]
    assert not re.search(rb"^\.?x-spam-", header, re.MULTILINE | re.IGNORECASE)
