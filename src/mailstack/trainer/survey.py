"""What there is to learn in a mailbox: read the lists of both folders, and choose.

Only what is chosen is remembered, and no more of it than one run learns, so a mailbox of 100,000
messages costs no more memory than one of a few thousand; of Spam also eight octets of each
message, to know it when a copy lies in the Inbox too: then Spam counts.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from mailstack.trainer.ledger import Ledger, Lesson
from mailstack.trainer.mailbox import Mailbox
from mailstack.trainer.message import Listed, Skip, held_out, reason_to_skip

INBOX: Final = "INBOX"
SPAM: Final = "Spam"
"""As ``daemons/dovecot`` makes it for every user (RFC 6154, \\\\Junk)."""
FOLDERS: Final = {SPAM: True, INBOX: False}
"""Folder → whether it holds spam. Spam first, see above."""

MAX_LEARNT: Final = 5000
"""Messages of one folder in one run, newest first: some minutes. The next run takes the next."""
MAX_MEASURED: Final = 100
"""Held-out messages of one folder that are scored, the newest: twice each, so some 20 s."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A message that is to be learnt, or scored."""

    uid: int
    id: bytes
    spam: bool
    relearn: bool = False
    """It was learnt as the other before."""


@dataclass(slots=True)
class Plan:
    """What one run will do with a mailbox."""

    learn: list[Chosen] = field(default_factory=list)
    measure: list[Chosen] = field(default_factory=list)
    share: list[Chosen] = field(default_factory=list)
    """Learnt and kept before, but not yet taught to the database of all."""
    skipped: Counter[Skip] = field(default_factory=Counter)

    @property
    def digest(self) -> bytes:
        """Names what would be learnt: the same digest is the same lesson."""
        lesson = sorted(one.id + bytes([one.spam]) for one in self.learn)
        return sha256(b"".join(lesson)).digest()

    def of(self, *, spam: bool) -> list[Chosen]:
        return [one for one in self.learn if one.spam is spam]


@dataclass(frozen=True, slots=True)
class Choice:
    """By which rules a mailbox is surveyed."""

    user: str
    now: float
    grace_s: float
    max_octets: int
    share: bool
    """Whether the user lets the database of all learn, too."""
    at_once: bool = False
    """After a move: what lies in Spam was put there by its user, and needs no grace."""


def survey(mailbox: Mailbox, ledger: Ledger, choice: Choice) -> Plan:
    """Read the lists of both folders; the messages themselves are not read."""
    plan = Plan()
    in_spam: set[int] = set()
    for folder, spam in FOLDERS.items():
        listing = _Folder(plan, ledger, choice, spam=spam)
        for page in mailbox.pages(folder):
            known = in_spam if not spam else set()
            listing.take([one for one in page if _short(one) not in known])
            if spam:
                in_spam.update(map(_short, page))
    return plan


def _short(message: Listed) -> int:
    return int.from_bytes(message.id[:8])


@dataclass(slots=True)
class _Folder:
    """Chooses among the messages of one folder, page by page."""

    plan: Plan
    ledger: Ledger
    choice: Choice
    spam: bool
    _learnt: int = 0
    _measured: int = 0
    _seen: set[bytes] = field(default_factory=set)
    """Chosen: a page may repeat a message."""

    def take(self, page: Iterable[Listed]) -> None:
        listed = {one.id: one for one in page}
        lessons = self.ledger.lessons(self.choice.user, listed)
        for message_id, message in listed.items():
            if message_id not in self._seen:
                self._choose(message, lessons.get(message_id))

    def _choose(self, message: Listed, lesson: Lesson | None) -> None:
        if lesson is not None and lesson.spam == self.spam:
            if self.choice.share and lesson.shared != self.spam:
                self.plan.share.append(self._chosen(message))
            return
        relearn = lesson is not None
        reason = None if relearn and self.choice.at_once else self._reason(message)
        if reason is not None:
            self.plan.skipped[reason] += 1
        elif held_out(message.id):
            self._measure(message)
        elif self._learnt >= MAX_LEARNT:
            self.plan.skipped[Skip.LATER] += 1
        else:
            self._learnt += 1
            self.plan.learn.append(self._chosen(message, relearn=relearn))

    def _reason(self, message: Listed) -> Skip | None:
        waived = self.choice.at_once and self.spam
        newest = self.choice.now - (0 if waived else self.choice.grace_s)
        return reason_to_skip(
            message, spam=self.spam, newest=newest, max_octets=self.choice.max_octets
        )

    def _measure(self, message: Listed) -> None:
        if self._measured < MAX_MEASURED:
            self._measured += 1
            self.plan.measure.append(self._chosen(message))

    def _chosen(self, message: Listed, *, relearn: bool = False) -> Chosen:
        self._seen.add(message.id)
        return Chosen(message.uid, message.id, self.spam, relearn)
