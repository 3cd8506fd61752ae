"""Responses of spamd."""

from collections.abc import Callable
from typing import TypeVar

from fuzz.pieces import pieces
from mailstack.contentfilter.verdict import scored
from mailstack.errors import ProtocolError
from mailstack.protocols.spamc import ResponseReader

HEADER = b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes,\r\n\tscore=9\r\nSubject: x\r\n\r\n"
SEEDS = (
    b"SPAMD/1.1 0 EX_OK\r\nContent-length: 64\r\nSpam: True ; 9.0 / 5.0\r\n\r\n" + HEADER,
    b"SPAMD/1.0 76 Bad header line\r\n",
    b"SPAMD/1.1 0 EX_OK\r\nDidSet: local\r\n\r\n\r\n",
)
WORDS = (
    b"\r\n\r\n",
    b"Content-length: ",
    b"Spam: ",
    b"DidSet: ",
    b"True ; 1 / 5",
    b"X-Spam-",
    b"\r\n\t",
    b"0" * 20,
)
LIMIT = 10_000

T = TypeVar("T")


def answer(parts: list[bytes], read: Callable[[ResponseReader], T | None]) -> T | str | None:
    reader = ResponseReader(LIMIT)
    try:
        for part in parts:
            reader.feed(part)
            if (found := read(reader)) is not None:
                return found
    except ProtocolError:
        return "fault"
    return None


def one(data: bytes) -> None:
    if len(data) > LIMIT:
        return
    expected, told = answer([data], ResponseReader.scored), answer([data], ResponseReader.told)
    for parts in pieces(data):
        assert answer(parts, ResponseReader.scored) == expected, parts
        assert answer(parts, ResponseReader.told) == told, parts
    if expected is not None and not isinstance(expected, str):
        fields = scored(expected).fields
        assert b"X-Spam-Status" in fields or b"x-spam-status" in fields.lower()
        assert all(
            line[:7].lower() == b"x-spam-" or line[:1] in b" \t"
            for line in fields.removesuffix(b"\r\n").split(b"\r\n")
        )
