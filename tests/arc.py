"""ARC chains, as a library sees them that shares no code with mailstack: Mail::DKIM, in Perl.

SpamAssassin depends on it, so it is wherever the stack is.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SCRIPT: Final = Path(__file__).with_name("arc_verify.pl")


def verdict(message: bytes, keys: Mapping[str, str]) -> tuple[str, str]:
    """Result and detail; ``keys`` are TXT records by their names, without a final dot."""
    done = subprocess.run(
        ["perl", SCRIPT, *(f"{name}={record}" for name, record in keys.items())],
        input=message,
        capture_output=True,
        check=True,
        timeout=60,
    )
    result, detail = done.stdout.decode().strip().split("\n")
    return result, detail
