"""Removes X-Spam header fields that came with a message: only our own verdict may be believed.

Works on the octets as they arrive and keeps a few of them at most, however long the header. It is
as generous as the readers downstream: a bare LF ends a line for Dovecot and SpamAssassin, and a
single dot at the start of a line is taken away by the mailbox server.
"""

import re
from typing import Final

_FIELD: Final = re.compile(rb"\.?x-spam-", re.IGNORECASE)
_LONGEST: Final = len(b".x-spam-")
_EMPTY_LINES: Final = (b"\n", b"\r\n")


class ForgedFields:
    """Passes one message through. Make one per message."""

    __slots__ = ("_dropping", "_in_body", "_inside_line", "_start")

    def __init__(self) -> None:
        self._start = b""
        """The beginning of a line that is too short to tell what it is."""
        self._inside_line = False
        self._dropping = False
        self._in_body = False

    def feed(self, data: bytes) -> bytes:
        """Return what of the message may be handed on by now."""
        if self._in_body:
            return data
        kept = []
        window, self._start = self._start + data, b""
        position = 0
        while position < len(window) and not self._in_body:
            end = window.find(b"\n", position) + 1 or len(window)
            kept.append(self._piece(window[position:end]))
            position = end
        return b"".join(kept) + window[position:]

    def finish(self) -> bytes:
        """Return what was held back: a message may end inside its header."""
        rest, self._start = self._start, b""
        if rest:
            self._judge(rest)
        return b"" if self._dropping else rest

    def _piece(self, piece: bytes) -> bytes:
        whole = piece.endswith(b"\n")
        if not self._inside_line:
            if not whole and len(piece) < _LONGEST:
                self._start = piece
                return b""
            self._judge(piece)
        self._inside_line = not whole
        return b"" if self._dropping else piece

    def _judge(self, line: bytes) -> None:
        if line in _EMPTY_LINES:
            self._in_body, self._dropping = True, False
        elif not line.removeprefix(b".").startswith((b" ", b"\t")):
            self._dropping = _FIELD.match(line) is not None
