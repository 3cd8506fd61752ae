"""Which names a certificate is to hold."""

from collections.abc import Sequence
from typing import Final

SERVICE_NAMES: Final = ("mail", "mta-sts", "autoconfig", "autodiscover", "openpgpkey")
MAX_NAMES: Final = 100
"""Of one certificate at Let's Encrypt."""
MAX_DOMAINS: Final = MAX_NAMES
"""That are asked for; not even one name of each would fit."""


def names_of(hostname: str, domains: Sequence[str], primary: str = "") -> tuple[str, ...]:
    """The server's own name, those of the primary domain's services, of each other one's."""
    ordered = sorted(dict.fromkeys(domains), key=lambda domain: domain != primary)
    every = [f"{label}.{domain}" for domain in ordered for label in SERVICE_NAMES]
    return tuple(dict.fromkeys([hostname, *every]))
