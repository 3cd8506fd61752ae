"""Cut a stream of octets into lines of text, bounded: a daemon may print anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_LINE: Final = 8192
"""Octets of one line of a log; a longer one is cut into several. syslog(3) lines hold 8 KiB."""


@dataclass(slots=True)
class LineSplitter:
    """Make one per stream."""

    max_octets: int = MAX_LINE
    _waiting: bytes = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield each line that ``data`` completes; keep the rest for the next call."""
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        for line in lines:
            yield from self._cut(line)
        while len(self._waiting) > self.max_octets:
            yield _text(self._waiting[: self.max_octets])
            self._waiting = self._waiting[self.max_octets :]

    def rest(self) -> Iterator[str]:
        """Yield what the stream ended with, if that was no newline."""
        line, self._waiting = self._waiting, b""
        if line:
            yield from self._cut(line)

    def _cut(self, line: bytes) -> Iterator[str]:
        for start in range(0, max(len(line), 1), self.max_octets):
            yield _text(line[start : start + self.max_octets])


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
