"""What becomes of a recipient's copy, and the header fields that say so.

The fields come in front of the message and nothing else of it changes, so DKIM signatures stay
valid. spamd is asked for a whole rewritten header; taken from it are its own X-Spam fields only.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from mailstack.contentfilter import reason
from mailstack.model.octets import format_octets
from mailstack.protocols.spamc import Scored

_SPAM_FIELDS: Final = re.compile(
    rb"^X-Spam-[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_LINE_END: Final = re.compile(rb"\r?\n")
_STATUS: Final = re.compile(rb"^X-Spam-Status:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Marked:
    """Hand it on with these header fields in front."""

    fields: bytes


@dataclass(frozen=True, slots=True)
class Deferred:
    """Keep it queued: no verdict, and the owner prefers waiting."""


Verdict: TypeAlias = Marked | Deferred

UNTOUCHED: Final = Marked(b"")
"""Filtering is switched off."""
NOT_ANSWERED: Final = Marked(b"X-Spam-Status: unscanned\r\n")
"""spamd did not answer, and the owner prefers delivery."""


def too_large(octets: int) -> Marked:
    """Larger than what is scanned."""
    size = format_octets(octets).encode()
    return Marked(b"X-Spam-Status: No, unscanned (size %s)\r\n" % size)


def scored(answer: Scored) -> Marked:
    """The fields spamd added, and the reason for a person.

    At least flag and status, whatever its templates say.
    """
    found = b"".join(_SPAM_FIELDS.findall(_header_only(answer.header)))
    if not _STATUS.search(found):
        found = _plain_fields(answer) + found
    if answer.is_spam:
        found = reason.field(answer, found) + found
    return Marked(_LINE_END.sub(b"\r\n", found))


def _header_only(header: bytes) -> bytes:
    """Without the body, which spamd leaves in when the message's line ends are mixed."""
    end = re.search(rb"\r?\n\r?\n", header)
    return header if end is None else header[: end.end()]


def _plain_fields(answer: Scored) -> bytes:
    """When the owner's templates removed the status (``clear_headers``)."""
    word = b"Yes" if answer.is_spam else b"No"
    numbers = b"score=%.1f required=%.1f" % (answer.score, answer.threshold)
    flag = b"X-Spam-Flag: YES\r\n" if answer.is_spam else b""
    return flag + b"X-Spam-Status: " + word + b", " + numbers + b"\r\n"
