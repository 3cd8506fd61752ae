"""Responses of spamd."""

from fuzz.pieces import pieces
from mailstack.contentfilter.verdict import scored
from mailstack.errors import ProtocolError
from mailstack.protocols.spamc import ResponseReader

HEADER = b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes,\r\n\tscore=9\r\nSubject: x\r\n\r\n"
SEEDS = (
    b"SPAMD/1.1 0 EX_OK\r\nContent-length: 64\r\nSpam: True ; 9.0 / 5.0\r\n\r\n" + HEADER,
    b"SPAMD/1.0 76 Bad header line\r\n",
)
WORDS = (
    b"\r\n\r\n",
    b"Content-length: ",
    b"Spam: ",
    b"True ; 1 / 5",
    b"X-Spam-",
    b"\r\n\t",
    b"0" * 20,
)
LIMIT = 10_000


def answer(parts: list[bytes]) -> object:
    reader = ResponseReader(LIMIT)
    try:
        for part in parts:
            reader.feed(part)
            if (found := reader.scored()) is not None:
                return found
    except ProtocolError:
        return "fault"
    return None


def one(data: bytes) -> None:
    if len(data) > LIMIT:
        return
    expected = answer([data])
    for parts in pieces(data):
        assert answer(parts) == expected, parts
    if expected is not None and not isinstance(expected, str):
        fields = scored(expected).fields
        assert b"X-Spam-Status" in fields or b"x-spam-status" in fields.lower()
        assert all(
            line[:7].lower() == b"x-spam-" or line[:1] in b" \t"
            for line in fields.removesuffix(b"\r\n").split(b"\r\n")
        )
