"""Lines of log: files with a bounded size, and the stream that a person watches.

Standard output and error of every service arrive here line by line. Writing never waits for a
reader and never fails: a full disk costs lines of log, counted in ``lost``, and no mail.
"""

import logging
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

MAX_FILE_OCTETS: Final = 10 * 1024**2
KEEP: Final = 5
"""Files per service beside the current one: 60 MiB in all, some weeks of a personal server."""


@dataclass(slots=True)
class LogFile:
    """One service's log: ``NAME.log``, then ``NAME.log.1`` (younger) to ``NAME.log.KEEP``."""

    path: Path
    max_octets: int = MAX_FILE_OCTETS
    keep: int = KEEP
    lost: int = 0
    """Lines that could not be written."""
    _file: IO[bytes] | None = field(default=None, repr=False)
    _octets: int = 0

    def write(self, line: str) -> None:
        """Append one line, with the time in front."""
        data = f"{timestamp()} {line}\n".encode("utf-8", "replace")
        try:
            if self._file is not None and self._octets + len(data) > self.max_octets:
                self._rotate()
            self._open().write(data)
            self._octets += len(data)
        except OSError:
            self.lost += 1

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
            self._octets = self._file.tell()
        return self._file

    def _rotate(self) -> None:
        self.close()
        for number in range(self.keep, 0, -1):
            younger = self._numbered(number - 1)
            if younger.exists():
                younger.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path


def timestamp() -> str:
    """Return the time in UTC as RFC 3339 writes it, in milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_COLOURS: Final = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
"""ECMA-48 foreground colours that read on black and on white."""


@dataclass(slots=True)
class Stream:
    """All services' lines in one stream, each with its service's name in front."""

    services: Iterable[str]
    out: IO[str] = field(default_factory=lambda: sys.stdout)
    _width: int = 0
    _colours: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = list(self.services)
        self._width = max(map(len, names), default=0)
        if self.out.isatty():
            self._colours = {n: _COLOURS[i % len(_COLOURS)] for i, n in enumerate(names)}

    def write(self, service: str, line: str) -> None:
        name = f"{service:{self._width}}"
        if service in self._colours:
            name = f"\033[{self._colours[service]}m{name}\033[0m"
        with suppress(OSError):
            self.out.write(f"{name} | {_printable(line)}\n")
            self.out.flush()


def _printable(line: str) -> str:
    """A peer can make a daemon log what it likes: keep control characters from the terminal."""
    return "".join(c if (c >= " " and c != "\x7f") or c == "\t" else "�" for c in line)


def configure(level: int = logging.INFO) -> None:
    """Set up logging of a program of ours: plain lines on standard error.

    No time and no name: whoever reads the stream (the supervisor, or Kubernetes) adds both.
    """
    logging.basicConfig(
        level=level, format="%(levelname)s: %(message)s", stream=sys.stderr, force=True
    )
