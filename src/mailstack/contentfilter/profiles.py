"""Which rules and training judge a recipient's mail.

Recipients whose verdicts cannot differ share a profile, and thereby one scan.
"""

from collections.abc import Callable, Container
from contextlib import suppress
from typing import TypeAlias

from mailstack.model.addresses import Address, parse_address, without_tag
from mailstack.model.spamkey import SITE, spam_key

Profiles: TypeAlias = Callable[[str], str]
"""An address of the envelope → the user that spamd is told."""


class Own:
    """Mailboxes with a profile of their own; ``following`` keeps them in step with the datastore.

    As long as nothing is known every mailbox is taken for one: that is always right, because spamd
    judges by the shared profile where it finds no other, and only costs a scan for each.
    """

    def __init__(self) -> None:
        self.known = False
        self.by_wish: set[str] = set()
        """They have rules, lists or a threshold."""
        self.by_training: set[str] = set()
        """Their own database is in use."""

    def __contains__(self, mailbox: object) -> bool:
        return not self.known or mailbox in self.by_wish or mailbox in self.by_training

    def __len__(self) -> int:
        return len(self.by_wish | self.by_training)


def mailbox_of(address: str, delimiter: str) -> str:
    """The mailbox an address belongs to: ``User+tag@Example.org`` → ``user@example.org``."""
    if not address.isascii():
        with suppress(ValueError):  # what is no address is nobody's mailbox either
            address = parse_address(address)
    local, at, domain = address.rpartition("@")
    return f"{without_tag(local, delimiter)}{at}{domain}".lower()


def own_or_shared(own: Container[str], delimiter: str) -> Profiles:
    """Mailboxes in ``own`` have a profile each; everybody else shares ``SITE``."""

    def profile(address: str) -> str:
        mailbox = mailbox_of(address, delimiter)
        return spam_key(Address(mailbox)) if mailbox in own else SITE

    return profile
