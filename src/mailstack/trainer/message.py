"""One message of a mailbox, and whether it is to be learnt. Pure.

What a message is called: a digest of Dovecot's GUID, which stays the same when the message moves
to another folder (tests/e2e/test_training.py). The tenth that is
never taught is chosen by a digest as well, so the same messages are left out in every run, in
whichever folder they lie.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

HELD_OUT: Final = 10
"""One message in so many is kept for measuring."""
_ID_OCTETS: Final = 12
"""96 bits of SHA-256: a million messages of one user do not meet."""
_JUNK: Final = frozenset({"$junk", "junk"})
"""Keywords by which mail programs mark spam without moving it."""
_MARKUP: Final = re.compile(rb"^X-Spam-[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n")


class Skip(StrEnum):
    """Why a message is not learnt; the words are those of the report."""

    YOUNG = "young"
    UNREAD = "unread"
    LARGE = "large"
    MARKED = "marked"
    """Deleted, or marked as junk while it lies in the Inbox."""
    BROKEN = "broken"
    """It could not be read, or spamd could not take it."""
    GONE = "gone"
    """Its user removed it meanwhile."""
    LATER = "later"
    """More than one run learns; the next ones will."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the mailbox says of a message without reading it."""

    uid: int
    guid: bytes
    octets: int
    arrived: float
    """Seconds since 1970, when the server got it; moving does not change it."""
    flags: AbstractSet[str]
    """In lower case."""

    @property
    def id(self) -> bytes:
        return sha256(self.guid).digest()[:_ID_OCTETS]

    @property
    def held_out(self) -> bool:
        return held_out(self.id)


def held_out(message_id: bytes) -> bool:
    """Whether the message is kept for measuring, in every run."""
    return int.from_bytes(message_id) % HELD_OUT == 0


def reason_to_skip(message: Listed, *, spam: bool, newest: float, max_octets: int) -> Skip | None:
    """Return why ``message``, of Spam or of the Inbox, is not learnt; ``None``: it is.

    ``newest``: what arrived later is too young.
    """
    if "\\deleted" in message.flags or (not spam and message.flags & _JUNK):
        return Skip.MARKED
    if message.octets > max_octets:
        return Skip.LARGE
    if message.arrived > newest:
        return Skip.YOUNG
    if not spam and "\\seen" not in message.flags:
        return Skip.UNREAD
    return None


def as_it_arrived(octets: bytes) -> bytes:
    """Remove what an earlier scan wrote into the header, so that it cannot speak for itself."""
    end = _END_OF_HEADER.search(octets)
    at = len(octets) if end is None else end.end()
    return _MARKUP.sub(b"", octets[:at]) + octets[at:]
