"""Reads the SDBM files in which spamd keeps what it learnt: is one sound, and what is in it.

Pages of 1,024 octets in NAME.pag, each with an index of 16-bit offsets in front and the pairs
behind; NAME.dir holds one bit per split of a page. A process that is killed leaves whole pages, as
each is written by one call; so what does not fit together was damaged otherwise. Nothing is written
here, and nobody must write meanwhile. Source: sdbm.c and pair.c of perl 5.36 (ext/SDBM_File).
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

PAGE: Final = 1024
_MAX_ENTRIES: Final = PAGE // 2 - 1
_WORD: Final = (1 << 64) - 1


class Damaged(Exception):
    """The file is no SDBM file any more; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Sdbm:
    """Both files of one database, in memory: a user's has at most some MiB."""

    pages: bytes
    directory: bytes

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the database at ``path``, named without its ends.

        Raises:
            FileNotFoundError: there is none.
            OSError: it cannot be read.
        """
        pages = path.with_name(f"{path.name}.pag").read_bytes()
        return cls(pages, path.with_name(f"{path.name}.dir").read_bytes())

    def check(self) -> int:
        """Look at every page; return the number of pairs.

        Raises:
            Damaged: a page is not whole, or its index does not fit.
        """
        if len(self.pages) % PAGE:
            raise Damaged(f"it ends in the middle of a page ({len(self.pages)} octets)")
        return sum(self._pairs_in(start) for start in range(0, len(self.pages), PAGE))

    def _pairs_in(self, start: int) -> int:
        """Check as SDBM itself does: each pair lies right before the one in front of it."""
        count: int = struct.unpack_from("=H", self.pages, start)[0]
        if count > _MAX_ENTRIES or count % 2:
            raise Damaged(f"page {start // PAGE} counts {count} entries")
        end, floor = PAGE, 2 * (count + 1)
        for offset in struct.unpack_from(f"={count}H", self.pages, start + 2):
            if not floor <= offset <= end:
                raise Damaged(f"page {start // PAGE} points outside itself")
            end = offset
        return count // 2

    def get(self, key: bytes) -> bytes | None:
        """Return the value stored for ``key``, or None."""
        start = PAGE * self._page_of(key)
        if start + PAGE > len(self.pages):
            return None
        (count,) = struct.unpack_from("=H", self.pages, start)
        offsets = struct.unpack_from(f"={min(count, _MAX_ENTRIES)}H", self.pages, start + 2)
        end = PAGE
        for at, value in zip(offsets[::2], offsets[1::2], strict=False):
            if self.pages[start + at : start + end] == key:
                return self.pages[start + value : start + at]
            end = value
        return None

    def _page_of(self, key: bytes) -> int:
        """Walk down the splits, one bit of the hash at each."""
        number, bit, hashed = 0, 0, _hash(key)
        while self._is_split(number):
            number = 2 * number + (2 if hashed >> bit & 1 else 1)
            bit += 1
        return hashed & ((1 << bit) - 1)

    def _is_split(self, number: int) -> bool:
        octet = number // 8
        return octet < len(self.directory) and bool(self.directory[octet] >> number % 8 & 1)


def _hash(key: bytes) -> int:
    """As sdbm_hash; octets above 127 are negative in C, keys that are asked for have none."""
    hashed = 0
    for octet in key:
        hashed = (octet + 65_599 * hashed) & _WORD
    return hashed
