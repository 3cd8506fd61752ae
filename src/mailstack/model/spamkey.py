"""The names by which spamd knows the users of the stack.

An address comes from outside and may hold almost any character; the key holds none that a path, a
shell or spamd's own checks care about. One direction only: nobody needs the address back.
"""

from hashlib import sha256
from typing import Final

from mailstack.model.addresses import Address

SITE: Final = "site"
"""The profile that all share who have neither rules nor training of their own."""


def spam_key(address: Address) -> str:
    """Name ``address`` as the ``User:`` of SPAMC, and as the folder of what was learnt.

    128 bits of SHA-256: no two addresses of one installation meet.
    """
    return "u" + sha256(address.encode()).hexdigest()[:32]
