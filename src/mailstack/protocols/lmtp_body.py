"""The message between DATA and the lone dot, as octets. No sockets.

The body is handed on as it came, dots doubled, because it leaves us on the same protocol; only
the copy for spamd is undotted. The one end of data is CRLF.CRLF: a bare CR or LF is a character
like any other, never part of an end (SMTP smuggling). Source: RFC 5321 2.3.8, 4.1.1.4, 4.5.2.
"""

from typing import Final

END_OF_DATA: Final = b"\r\n.\r\n"
_LONGEST_PREFIX: Final = len(END_OF_DATA) - 1


class BodyReader:
    """Finds the end of one message. Make one per message."""

    __slots__ = ("_held", "_virtual")

    def __init__(self) -> None:
        # The line end of the DATA command: a body may consist of the lone dot only.
        self._held = b"\r\n"
        self._virtual = 2

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return the octets of the body that are certain by now, and what follows its end.

        The second part is ``None`` until the end of data was seen. The line end before the lone
        dot belongs to the body.
        """
        window = self._held + data
        end = window.find(END_OF_DATA)
        if end >= 0:
            return self._certain(window[: end + 2]), window[end + len(END_OF_DATA) :]
        keep = _prefix_at_end(window)
        self._held = window[len(window) - keep :]
        return self._certain(window[: len(window) - keep]), None

    def _certain(self, body: bytes) -> bytes:
        if self._virtual and body:
            # The virtual line end leaves the window whole or not at all, both being held.
            body, self._virtual = body[self._virtual :], 0
        return body


def _prefix_at_end(window: bytes) -> int:
    """How many octets at the end of ``window`` may begin an end of data."""
    for length in range(min(_LONGEST_PREFIX, len(window)), 0, -1):
        if window.endswith(END_OF_DATA[:length]):
            return length
    return 0


def undot(body: bytes) -> bytes:
    """Take away the dot that stands in front of a line's own (RFC 5321 4.5.2)."""
    return body.removeprefix(b".").replace(b"\r\n.", b"\r\n")


def dot(message: bytes) -> bytes:
    """Double the dot at the start of lines; the inverse of ``undot``."""
    doubled = message.replace(b"\r\n.", b"\r\n..")
    return b"." + doubled if doubled.startswith(b".") else doubled
