"""Which rules and training judge a recipient's mail.

Recipients whose verdicts cannot differ share a profile, and thereby one scan.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TypeAlias

from mailstack.model.addresses import without_tag
from mailstack.model.domains import parse_domain
from mailstack.model.spamkey import SITE

Profiles: TypeAlias = Callable[[str], str]
"""An address of the envelope → the user that spamd is told."""


def mailbox_of(address: str, delimiter: str) -> str:
    """The mailbox an address belongs to: ``User+tag@Example.org`` → ``user@example.org``."""
    local, at, domain = address.rpartition("@")
    if not domain.isascii():
        with suppress(ValueError):  # what is no domain is nobody's mailbox either
            domain = parse_domain(domain)
    return f"{without_tag(local, delimiter)}{at}{domain}".lower()


def own_or_shared(own: Collection[str], delimiter: str) -> Profiles:
    """Mailboxes in ``own`` have a profile each; everybody else shares ``SITE``."""

    def profile(address: str) -> str:
        mailbox = mailbox_of(address, delimiter)
        return mailbox if mailbox in own else SITE

    return profile
