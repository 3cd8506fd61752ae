"""Datagrams as they came, one line each with the second they came in, until somebody counts them.

Written by Postfix's agent, which may be root: it looks into none of them. The file is bounded; what
does not fit is not reported.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailstack.protocols.tlsrpt import MAX_OCTETS as MAX_DATAGRAM

JOURNAL: Final = "journal"
"""Name of the file, beside the socket."""
MAX_OCTETS: Final = 8 * 1024**2
"""Of the file: some 8,000 handshakes between two counts."""
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


def append(path: Path, at: int, datagram: bytes) -> bool:
    """Write one down, in one piece; return whether it fits.

    Raises:
        OSError: the file cannot be written.
    """
    # the library escapes line ends within words; between words a blank is as good
    line = b"%d %s\n" % (at, datagram.replace(b"\n", b" "))
    file = os.open(path, _FLAGS, 0o600)
    try:
        fits = os.fstat(file).st_size + len(line) <= MAX_OCTETS
        if fits:
            os.write(file, line)
    finally:
        os.close(file)
    return fits


def read(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each datagram, with when it came; damaged lines are passed over."""
    with path.open("rb") as file:
        while line := file.readline(MAX_DATAGRAM + 32):
            at, _, datagram = line.partition(b" ")
            if at.isdigit() and len(at) <= 11 and datagram.endswith(b"\n"):  # noqa: PLR2004 - a time
                yield int(at), datagram
