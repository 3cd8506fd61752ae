"""The key that seals all private DKIM keys: ``STATE/secure/dkim.master``.

Only the service that signs has it. Reads the file and nothing else, so that an agent may look
whether it is one without loading a cryptographic library.
"""

import base64
import binascii
import secrets
from pathlib import Path
from typing import Final

from mailstack.errors import ConfigError

MASTER: Final = "dkim.master"
"""Its name in STATE/secure."""
OCTETS: Final = 32
"""For AES-256."""
_MAX_FILE: Final = 1024


def read_master(file: Path) -> bytes:
    """Read the key.

    Raises:
        ConfigError: the file cannot be read, or holds none.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_FILE).strip()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
    try:
        key = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != OCTETS:
        raise ConfigError(
            f"is no key: it must hold the base64 of {OCTETS} octets",
            file=file,
            advice="bring it back from a backup; without it no DKIM key of a domain can be opened",
        )
    return key


def new_master() -> str:
    """Make a key, as its file has it."""
    return base64.b64encode(secrets.token_bytes(OCTETS)).decode() + "\n"
