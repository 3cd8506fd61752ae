"""The names by which spamd knows the users of the stack.

An address comes from outside and may hold almost any character; the key holds none that a path, a
shell or spamd's own checks care about. One direction only: nobody needs the address back.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from mailstack.model.addresses import Address

SITE: Final = "site"
"""The profile that all share who have neither rules nor training of their own."""


def spam_key(address: Address) -> str:
    """Name ``address`` as the ``User:`` of SPAMC, and as the folder of what was learnt.

    128 bits of SHA-256: no two addresses of one installation meet.
    """
    return "u" + sha256(address.encode()).hexdigest()[:32]


def wants_own(spam: Mapping[str, Any]) -> bool:
    """Whether a spam profile, as JSON has it, makes any difference to a scan."""
    wishes = ("allow", "block", "rules", "languages")
    return spam.get("threshold") is not None or any(spam.get(name) for name in wishes)


_KEY: Final = re.compile(r"u[0-9a-f]{32}|site", re.ASCII)


def is_key(text: str) -> bool:
    """Whether ``text`` is a name that ``spam_key`` makes, or ``SITE``. Nothing else names data."""
    return _KEY.fullmatch(text) is not None


def training_profile(key: str) -> str:
    """Name the profile by which spamd learns into the database that belongs to ``key``.

    Scans by it use that database too, whether or not ``key`` itself does so already: that is how
    training is measured. Every other profile learns nothing, so no message gets into the wrong one.
    """
    return f"{key}t"


def plain_profile(key: str) -> str:
    """Name the profile that judges by the rules of ``key`` and without any Bayes database."""
    return f"{key}n"
