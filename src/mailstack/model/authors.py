"""The addresses of a From field, read so strictly that nobody can read it otherwise.

A mailbox list of RFC 5322 3.4, with comments and folded lines. Readers differ about everything
beyond that, and what one of them shows may not be what another one has checked; so two addresses
without a comma, a group, or anything behind the angle brackets is refused instead of understood.
"""

import re
from collections.abc import Iterator
from typing import Final

from mailstack.model.addresses import Address, parse_address

MAX_AUTHORS: Final = 20

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|[^"\\,<>();:]+|.', re.DOTALL)
_SPECIAL: Final = frozenset('"\\<>():;')
_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")


def authors(value: str) -> list[Address]:
    """Read what stands behind the colon.

    Raises:
        ValueError: it is no list of addresses, or has more than ``MAX_AUTHORS``.
    """
    pieces = list(_pieces(_without_comments(_FOLD.sub("", value))))
    if len(pieces) > MAX_AUTHORS:
        raise ValueError(f"the From field has more than {MAX_AUTHORS} addresses")
    return [_address(piece) for piece in pieces]


def _without_comments(text: str) -> Iterator[str]:
    """Tokens outside of comments, which nest (RFC 5322 3.2.2)."""
    depth = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "(":  # noqa: S105 - no password
            depth += 1
        elif token == ")" and depth:  # noqa: S105
            depth -= 1
        elif not depth:
            yield token
        elif token.startswith('"'):
            # A quote means nothing in a comment, so where it ends depends on who reads.
            raise ValueError("the From field cannot be read")
    if depth:
        raise ValueError("the From field cannot be read")


def _pieces(tokens: Iterator[str]) -> Iterator[list[str]]:
    """What stands between commas."""
    piece: list[str] = []
    for token in tokens:
        if token == ",":  # noqa: S105
            yield piece
            piece = []
        else:
            piece.append(token)
    yield piece


def _address(piece: list[str]) -> Address:
    """One mailbox: ``address``, or ``name <address>``."""
    words = [token.strip() for token in piece if token.strip()]
    name, bare = (words[:-3], words[-3:]) if words[-1:] == [">"] else ([], ["<", *words, ">"])
    if [bare[0], *bare[2:]] != ["<", ">"] or not all(_is_name(word, bare[1]) for word in name):
        raise ValueError("the From field cannot be read")
    try:
        return parse_address(bare[1])
    except ValueError:
        raise ValueError("the From field cannot be read") from None


def _is_name(word: str, address: str) -> bool:
    """A quoted string, or words; in these an address only if it is the same one."""
    if len(word) > 1 and word.startswith('"'):
        return True
    if word[0] in _SPECIAL:
        return False
    return "@" not in word or word.lower() == address.lower()
