"""Hashes of a message's body, made while it passes: nothing of it is kept.

A signature holds the hash of the body (``bh=``) as one of two canonical forms has it (RFC 6376
3.4.3, 3.4.4), of all of it or of so many octets (``l=``). Which ones are needed stands in the
header, which comes first; so memory does not grow with the message, and size is no way around a
policy.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from dkim.util import (  # type: ignore[import-untyped] # dkimpy has no types
    InvalidTagValueList,
    parse_tag_value,
)

MAX_KINDS: Final = 16
"""Different hashes of one message: two, mostly. Signatures that need more are not verified."""
_ALGORITHMS: Final = (b"rsa-sha256", b"ed25519-sha256")
"""All hash by SHA-256. RFC 8301 3.1: one that uses SHA-1 is not to be believed."""
_FORMS: Final = (b"simple", b"relaxed")
_SPACES: Final = re.compile(rb"[ \t]+")
_AT_ONCE: Final = 4096
"""Line ends that are written at once; a body may have millions of empty lines."""

Tags: TypeAlias = Mapping[bytes, bytes]
"""Of a signature, by their names."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is hashed."""

    form: bytes
    octets: int | None
    """So many of the canonical form; None: all."""


Digests: TypeAlias = Mapping[Kind, bytes]


def kind_of(tags: Tags) -> Kind | None:
    """What a signature needs; None: it can never fit."""
    if tags.get(b"a") not in _ALGORITHMS:
        return None
    form = tags.get(b"c", b"simple/simple").partition(b"/")[2] or b"simple"
    limit = tags.get(b"l")
    if form not in _FORMS or not (limit is None or limit.isdigit()):
        return None
    return Kind(form, None if limit is None else int(limit[:20]))


def fits(tags: Tags, digests: Digests) -> bool:
    """Whether the body is what a signature says."""
    kind = kind_of(tags)
    try:
        wanted = base64.b64decode(b"".join(tags[b"bh"].split()))
    except (KeyError, binascii.Error):
        return False
    return kind is not None and digests.get(kind) == wanted


class BodyHashes:
    """Of one message. ``fields`` are the values of its signatures."""

    def __init__(self, fields: Iterable[bytes]) -> None:
        kinds = dict.fromkeys(kind for field in fields if (kind := _kind_in(field)))
        self._hashes = [_Hash(kind) for kind in list(kinds)[:MAX_KINDS]]
        self._forms = [
            form(hashes)
            for form in (_Simple, _Relaxed)
            if (hashes := [one for one in self._hashes if one.kind.form == form.name])
        ]

    def feed(self, octets: bytes) -> None:
        """Take the next piece of the body; lines end with CRLF, or LF alone."""
        for form in self._forms:
            form.feed(octets)

    def finish(self) -> Digests:
        """The body is over. An ``l=`` beyond its end fits nothing (RFC 6376 3.5)."""
        for form in self._forms:
            form.finish()
        return {one.kind: one.digest() for one in self._hashes if not one.wanting}


def _kind_in(field: bytes) -> Kind | None:
    try:
        return kind_of(parse_tag_value(field))
    except InvalidTagValueList:
        return None


class _Hash:
    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._hash = hashlib.sha256()
        self.wanting = kind.octets
        """Octets that are to come; None: all that come."""

    def update(self, octets: bytes) -> None:
        if self.wanting is not None:
            octets = octets[: self.wanting]
            self.wanting -= len(octets)
        self._hash.update(octets)

    def digest(self) -> bytes:
        return self._hash.digest()


class _Simple:
    """The body as it is; of empty lines at its end none, and one line end at least."""

    name = b"simple"

    def __init__(self, hashes: Iterable[_Hash]) -> None:
        self._hashes = tuple(hashes)
        self._held = b""
        """A CR, of which the next piece tells whether it ends a line."""
        self._line_ends = 0
        """Seen and not written yet: they may be the last ones."""
        self._written = False

    def feed(self, octets: bytes) -> None:
        octets = self._held + octets
        self._held = b"\r" if octets.endswith(b"\r") else b""
        self._take(octets.removesuffix(b"\r").replace(b"\r\n", b"\n"))

    def finish(self) -> None:
        self._take(self._held)
        if self._written or self._ends_if_empty():
            self._write(b"\r\n")

    def _ends_if_empty(self) -> bool:
        return True

    def _take(self, lines: bytes) -> None:
        text = lines.rstrip(b"\n")
        if text:
            self._write_line_ends()
            self._write(text.replace(b"\n", b"\r\n"))
            self._written = True
        self._line_ends += len(lines) - len(text)

    def _write_line_ends(self) -> None:
        while self._line_ends:
            now = min(self._line_ends, _AT_ONCE)
            self._write(b"\r\n" * now)
            self._line_ends -= now

    def _write(self, octets: bytes) -> None:
        for one in self._hashes:
            one.update(octets)


class _Relaxed(_Simple):
    """Runs of white space are one space, at the end of a line none; an empty body is empty."""

    name = b"relaxed"

    def __init__(self, hashes: Iterable[_Hash]) -> None:
        super().__init__(hashes)
        self._space = b""
        """White space, of which the next piece tells whether a line ends behind it."""

    def _ends_if_empty(self) -> bool:
        return False

    def _take(self, lines: bytes) -> None:
        lines = _SPACES.sub(b" ", self._space + lines).replace(b" \n", b"\n")
        self._space = b" " if lines.endswith(b" ") else b""
        super()._take(lines.removesuffix(b" "))
