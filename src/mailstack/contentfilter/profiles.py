"""Which rules and training judge a recipient's mail.

Recipients whose verdicts cannot differ share a profile, and thereby one scan.
"""

from collections.abc import Callable, Collection
from typing import Final, TypeAlias

Profiles: TypeAlias = Callable[[str], str]
"""An address of the envelope → the user that spamd is told."""

SITE: Final = "site"
"""The user that spamd is told for everybody without rules or training of their own."""


def mailbox_of(address: str, delimiter: str) -> str:
    """The mailbox an address belongs to: ``User+tag@Example.org`` → ``user@example.org``."""
    local, at, domain = address.rpartition("@")
    name, _, _ = local.partition(delimiter)
    return f"{name or local}{at}{domain}".lower()


def own_or_shared(own: Collection[str], delimiter: str) -> Profiles:
    """Mailboxes in ``own`` have a profile each; everybody else shares ``SITE``."""

    def profile(address: str) -> str:
        mailbox = mailbox_of(address, delimiter)
        return mailbox if mailbox in own else SITE

    return profile
