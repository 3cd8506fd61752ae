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
