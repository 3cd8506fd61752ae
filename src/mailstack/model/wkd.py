"""Names in a web key directory (draft-koch-openpgp-webkey-service)."""

import hashlib
from typing import Final

_ZBASE32: Final = "ybndrfg8ejkmcpqxot1uwisza345h769"


def wkd_hash(local: str) -> str:
    """The name under which a directory keeps the key of a local part (section 3.1)."""
    lowered = "".join(c.lower() if c.isascii() else c for c in local)
    number = int.from_bytes(hashlib.sha1(lowered.encode()).digest())  # noqa: S324 - the draft's
    return "".join(_ZBASE32[(number >> shift) & 31] for shift in range(155, -1, -5))
