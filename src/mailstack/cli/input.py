"""What a command reads from a file, or from standard input where the file is called ``-``."""

import sys
from pathlib import Path

from mailstack.errors import InvalidDocument, MailstackError


def read_text(file: Path, kind: str) -> str:
    """Read all of it, as UTF-8; ``kind`` says what it should be, e.g. a script.

    Raises:
        InvalidDocument: it is no text.
        MailstackError: it cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidDocument(f"{file} is not UTF-8 text, so it is no {kind}") from None
    except OSError as error:
        raise MailstackError(f"{file} cannot be read: {error.strerror}") from error


def read_octets(file: Path, most: int) -> bytes:
    """Read a file of at most ``most`` octets, whatever is in it; one more is read to tell.

    Raises:
        MailstackError: it cannot be read.
    """
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(most + 1)
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise MailstackError(f"{file} cannot be read: {error.strerror}") from error
