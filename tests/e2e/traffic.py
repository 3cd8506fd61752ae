"""Mail that keeps coming from outside while a test breaks something, and what became of it.

The sender is a real one: what is deferred, and what it got no answer for, it sends again. What was
refused for good is a bounce, which no fault may cause.
"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from smtplib import SMTPException

from tests.e2e.stack import SENDER, Stack, User

from mailstack.demo import letter
from mailstack.demo.client import Attempt, Session, hand_over
from mailstack.errors import ServiceFailed

_RETRY_S = 0.1
_PATIENCE_S = 60.0
"""For one message; no outage in a test lasts as long, unless the test says so."""
_FLUSH_S = 1.0
"""Between two looks, each after asking Postfix to try what it had put off for a minute."""
_PER_SESSION = 5
"""Messages."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of all that was accepted or refused."""

    accepted: int
    lost: list[int]
    bounced: list[Attempt]
    duplicates: int


@dataclass
class Traffic:
    """Numbered messages to one user, by several sessions at once."""

    stack: Stack
    user: User
    label: str
    pause_s: float
    """After each message of a session, for the scanner to keep up."""
    limit: int = sys.maxsize
    """Messages, after which no more are begun."""
    patience_s: float = _PATIENCE_S
    accepted: list[int] = field(default_factory=list)
    bounced: list[Attempt] = field(default_factory=list)
    deferred: Counter[str] = field(default_factory=Counter)
    """What the sender was told, or what it saw, before it had to send again."""
    unanswered: list[int] = field(default_factory=list)
    """Messages that were sent again because the reply did not come: so they may come twice."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Nothing new is begun after it; what was begun is sent."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _begun: int = 0

    def work(self) -> None:
        """Send message after message, several in a session."""
        while not self.stop.is_set() and (numbers := self._take()):
            deadline = time.monotonic() + self.patience_s
            while numbers:
                self._session(numbers)
                if numbers:
                    assert time.monotonic() < deadline, f"not sent in time: {self.deferred}"
                    time.sleep(_RETRY_S)

    def _take(self) -> list[int]:
        with self._lock:
            first, self._begun = self._begun, min(self._begun + _PER_SESSION, self.limit)
            return list(range(first, self._begun))

    def _session(self, numbers: list[int]) -> None:
        """Send what can be sent in one session; what remains in ``numbers`` has to come again."""
        try:
            with self.stack.session() as session:
                going = True
                while numbers and going:
                    going = self._note(self._try(session, numbers[0]), numbers)
                    time.sleep(self.pause_s)
        except (ServiceFailed, SMTPException, OSError) as error:
            self.deferred[repr(error)] += 1

    def _try(self, session: Session, number: int) -> Attempt:
        octets = letter.write(SENDER, self.user.address, self.subject(number))
        try:
            return hand_over(session, SENDER, [self.user.address], octets)
        except (SMTPException, OSError):
            self.unanswered.append(number)
            raise

    def _note(self, reply: Attempt, numbers: list[int]) -> bool:
        """Note what became of the first of ``numbers``; say whether the session can go on."""
        if 400 <= reply.code < 500:
            self.deferred[str(reply)] += 1
            return False
        number = numbers.pop(0)
        if reply.code == 250:
            self.accepted.append(number)
        else:
            self.bounced.append(reply)
        return True

    def subject(self, number: int) -> str:
        return f"{self.label} {number}."

    def wait_for(self, messages: int) -> None:
        """Wait until so many more have been accepted."""
        goal = len(self.accepted) + messages
        wait_until(lambda: len(self.accepted) >= goal, timeout_s=self.patience_s)

    def check(self) -> int:
        """Assert that nothing is lost and nothing bounced; return how many came twice.

        Not counted is what the sender itself had to send twice, knowing no better.
        """
        assert not self.bounced, self.bounced[0]
        fate = self.fate()
        waiting = len(self.stack.queue())
        assert not fate.lost, f"{fate.lost} of {fate.accepted} did not arrive; {waiting} are queued"
        return max(0, fate.duplicates - len(self.unanswered))

    def fate(self) -> Fate:
        """Wait until all that was accepted has arrived, or nothing more does; say what became."""
        found = self._arrived()
        lost = [number for number in self.accepted if self.subject(number) not in found]
        return Fate(len(self.accepted), lost, self.bounced, found.total() - len(found))

    def _arrived(self, *, timeout_s: float = 60.0) -> Counter[str]:
        """Wait until all that was accepted is in the mailbox; return how often each came.

        Args:
            timeout_s: how long nothing may arrive; a busy machine scans slowly.
        """
        wanted = {self.subject(number) for number in self.accepted}
        found, changed = Counter[str](), time.monotonic()
        while True:
            with self.stack.mailbox(self.user) as mailbox:
                now = Counter(mailbox.subjects())
            if now != found:
                found, changed = now, time.monotonic()
            if wanted <= found.keys() or time.monotonic() > changed + timeout_s:
                return found
            self.stack.flush_queue()
            time.sleep(_FLUSH_S)


@contextmanager
def flowing(
    stack: Stack,
    user: User,
    *,
    sessions: int = 2,
    pause_s: float = 0.1,
    limit: int = sys.maxsize,
    patience_s: float = _PATIENCE_S,
) -> Iterator[Traffic]:
    """Send mail during the block; at its end finish what was begun."""
    traffic = Traffic(stack, user, stack.fresh("traffic"), pause_s, limit, patience_s)
    with ThreadPoolExecutor(sessions) as pool:
        working = [pool.submit(traffic.work) for _ in range(sessions)]
        try:
            yield traffic
        finally:
            traffic.stop.set()
    for one in working:
        one.result()


def wait_until(true: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
    """Look again and again until it is so."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not so within {timeout_s} s"
        time.sleep(0.02)
