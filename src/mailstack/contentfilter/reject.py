"""Is a message spam, beyond doubt, to every one of its recipients? Then it need not be taken.

Asked at the end of the message, before the queue: a refusal then tells the sender's own server, and
nobody else gets a bounce. Whoever is uncertain (an alias that cannot be looked up, a message that
is too large, no answer of spamd) makes the whole answer no: the message is taken, scanned again
behind the queue, and filed.
"""

from collections.abc import Iterable, Sequence

from mailstack.contentfilter.directory import Directory
from mailstack.contentfilter.profiles import Profiles
from mailstack.contentfilter.scan import Scanner
from mailstack.outcome import Found, Unavailable
from mailstack.protocols.spamc import Scored

MAX_PROFILES = 10
"""Scans of one message while its sender waits; with more recipients than that it is taken."""


async def profiles_of(
    directory: Directory, recipients: Iterable[bytes], profiles: Profiles
) -> set[str]:
    """Whom spamd is to be asked for; none if that cannot be told."""
    found: set[str] = set()
    for recipient in dict.fromkeys(recipients):
        address = recipient.decode("utf-8", "surrogateescape")
        outcome = await directory.listed("aliases", address)
        if isinstance(outcome, Unavailable):
            return set()
        found |= set(map(profiles, outcome.value if isinstance(outcome, Found) else [address]))
        if len(found) > MAX_PROFILES:
            return set()
    return found


async def agreed(
    scanner: Scanner, message: bytes, profiles: Sequence[str], limit: float
) -> Scored | None:
    """The mildest score, if all are over ``limit`` and over the users' own thresholds."""
    mildest: Scored | None = None
    for profile in profiles:  # one after the other: the first that disagrees saves the rest
        answer = await scanner.score(message, profile)
        if answer is None or not answer.is_spam or answer.score < limit:
            return None
        if mildest is None or answer.score < mildest.score:
            mildest = answer
    return mildest
