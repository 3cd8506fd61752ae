"""One user's run: survey, snapshot, teach, measure, and keep it or undo it.

A run stays open in the ledger until it was measured. Whatever ends this program in between, the
next run of that user goes on where this one was: what was taught is known, and the snapshot from
before is still the one to go back to.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from mailstack.model.addresses import Address
from mailstack.model.spamkey import SITE, plain_profile, spam_key, training_profile
from mailstack.trainer.config import Learning
from mailstack.trainer.ledger import Ledger, Run
from mailstack.trainer.measure import Measured, Result, compare
from mailstack.trainer.message import Skip, as_it_arrived
from mailstack.trainer.peers import Keeper, Records, Wishes
from mailstack.trainer.reader import Door, Reader
from mailstack.trainer.report import Report
from mailstack.trainer.spamd import Spamd
from mailstack.trainer.survey import Choice, Chosen, Plan
from mailstack.trainer.waiting import MessageBroken, Waiting

SUSPICIOUS: Final = 10
"""Messages in a row that change nothing although the database does not know them all."""

Progress = Callable[[int, int], None]
"""Told how many steps of how many are done."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class NotLearning(Exception):
    """spamd takes what it is told, and its database does not change."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Everything a run needs beside the user's name."""

    ledger: Ledger
    records: Records
    keeper: Keeper
    spamd: Spamd
    door: Door
    learning: Learning
    waiting: Waiting = field(default_factory=Waiting)

    async def ask_couchmail(self, ask: Callable[[], Awaitable[T]]) -> T:
        return await self.waiting.until_answered("couchmail", ask)

    async def ask_keeper(self, ask: Callable[[], Awaitable[T]]) -> T:
        return await self.waiting.until_answered("spamkeeper", ask)

    async def ask_spamd(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Raises ``MessageBroken`` where spamd fails at this message alone."""
        return await self.waiting.until_answered("spamd", ask, is_there=self.spamd.is_there)


class UserRun:
    """Make one per user and run."""

    def __init__(self, peers: Peers, address: Address, report: Report, progress: Progress) -> None:
        self._peers = peers
        self._ledger = peers.ledger
        self._key = spam_key(address)
        self._address = address
        self._report = report
        self._progress = progress
        self._reader = Reader(peers.door, address, peers.waiting)
        self._wishes = Wishes()

    async def at_once(self) -> None:
        """Learn what the user moved. The run stays open: the night measures it."""
        try:
            plan = await self._survey(at_once=True)
            if plan.learn and not self._left_to_the_night():
                await self._teach(await self._open_run(), plan.learn)
        finally:
            self._reader.close()

    def _left_to_the_night(self) -> bool:
        """A lesson was undone: the night finds out whether it is another one by now."""
        return self._ledger.run(self._key) is None and bool(self._ledger.refused(self._key))

    async def nightly(self) -> None:
        """Learn what is new, measure, and keep it or undo it."""
        try:
            plan = await self._survey(at_once=False)
            kept = await self._learn_and_measure(plan)
            if self._wishes.share:
                await self._share([*kept, *plan.share])
        finally:
            self._reader.close()

    async def _survey(self, *, at_once: bool) -> Plan:
        peers = self._peers
        self._wishes = await self._peers.ask_couchmail(lambda: peers.records.wishes(self._address))
        await self._finish_undoing()
        await self._check_database()
        choice = Choice(
            self._key,
            time.time(),
            peers.learning.grace_s,
            peers.learning.max_octets,
            share=self._wishes.share,
            at_once=at_once,
        )
        plan = await self._reader.survey(self._ledger, choice)
        self._report.skipped += plan.skipped
        return plan

    async def _check_database(self) -> None:
        """A database that lost what it knew is taught everything anew."""
        known, wanted = sum(await self._known()), self._ledger.confirmed(self._key)
        if known < wanted:
            _log.warning(
                "%s: the database knows %d messages of %d, so all are learnt anew",
                self._key, known, wanted,
            )  # fmt: skip
            self._ledger.forget(self._key)

    async def _known(self) -> tuple[int, int]:
        found = await self._peers.ask_keeper(lambda: self._peers.keeper.learnt(self._key))
        self._report.known_ham, self._report.known_spam = found
        return found

    # --- learning ----------------------------------------------------------------------------

    async def _learn_and_measure(self, plan: Plan) -> list[Chosen]:
        """Return what was learnt and kept."""
        run = self._ledger.run(self._key)
        if run is None and not plan.learn:
            return []
        if run is None and plan.digest == self._ledger.refused(self._key):
            self._report.undone = True  # when it was last tried, and nothing is different now
            return []
        run = await self._open_run()
        steps = len(plan.learn) + len(plan.measure)
        learnt = await self._teach(run, plan.learn, steps)
        measured = await self._measure(plan.measure, len(plan.learn), steps)
        return learnt if await self._conclude(run, plan, measured) else []

    async def _open_run(self) -> Run:
        keeper, run = self._peers.keeper, self._ledger.run(self._key)
        if run is not None:
            await self._peers.ask_keeper(lambda: keeper.prepare(self._key, self._address))
            return run
        ask = self._peers.ask_keeper
        snapshot = await ask(lambda: keeper.snapshot(self._key, self._address))
        return self._ledger.begin(self._key, snapshot)

    async def _teach(self, run: Run, lesson: list[Chosen], steps: int = 0) -> list[Chosen]:
        began, profile = time.monotonic(), training_profile(self._key)
        learnt: list[Chosen] = []
        changed = 0
        for number, one in enumerate(lesson, 1):
            confirmed = await self._tell(one, profile)
            if confirmed is not None:
                self._ledger.learnt(run, one.id, spam=one.spam, confirmed=confirmed)
                learnt.append(one)
                changed += confirmed
                self._count(one)
            self._progress(number, steps or len(lesson))
        self._report.teaching_s = time.monotonic() - began
        known = sum(await self._known())
        if not changed and len(learnt) >= SUSPICIOUS and known < self._ledger.count(self._key):
            self._ledger.undone(run, b"")
            raise NotLearning("spamd answers, but its database does not change; see spamd's log")
        return learnt

    def _count(self, one: Chosen) -> None:
        self._report.spam += one.spam
        self._report.ham += not one.spam
        self._report.relearnt += one.relearn

    async def _tell(self, one: Chosen, profile: str) -> bool | None:
        """Teach one message; return whether the database changed, ``None`` when it is skipped."""
        octets = await self._read(one)
        if octets is None:
            return None
        spamd = self._peers.spamd
        try:
            told = await self._peers.ask_spamd(lambda: spamd.tell(octets, profile, spam=one.spam))
        except MessageBroken as error:
            self._skip(Skip.BROKEN, one, error)
            return None
        return told.learnt

    async def _read(self, one: Chosen) -> bytes | None:
        try:
            octets = await self._reader.read(one)
        except MessageBroken as error:
            self._skip(Skip.BROKEN, one, error)
            return None
        if octets is None:
            self._report.skipped[Skip.GONE] += 1
            return None
        return as_it_arrived(octets)

    def _skip(self, reason: Skip, one: Chosen, error: Exception) -> None:
        self._report.skipped[reason] += 1
        _log.warning("%s: message %s is skipped: %s", self._key, one.id.hex(), error)

    async def _share(self, lesson: Iterable[Chosen]) -> None:
        """Teach what was kept to the database of all, too."""
        for one in lesson:
            if await self._tell(one, training_profile(SITE)) is not None:
                self._ledger.shared(self._key, one.id, spam=one.spam)
                self._report.shared += 1

    # --- measuring ---------------------------------------------------------------------------

    async def _measure(self, held_out: list[Chosen], done: int, steps: int) -> list[Measured]:
        measured = []
        for number, one in enumerate(held_out, done + 1):
            found = await self._score(one)
            if found is not None:
                measured.append(found)
            self._progress(number, steps)
        return measured

    async def _score(self, one: Chosen) -> Measured | None:
        octets = await self._read(one)
        if octets is None:
            return None
        spamd = self._peers.spamd
        try:
            taught = await self._peers.ask_spamd(
                lambda: spamd.score(octets, training_profile(self._key))
            )
            plain = await self._peers.ask_spamd(
                lambda: spamd.score(octets, plain_profile(self._key))
            )
        except MessageBroken as error:
            self._skip(Skip.BROKEN, one, error)
            return None
        return Measured(one.id, one.spam, taught.score, plain.score)

    async def _conclude(self, run: Run, plan: Plan, measured: list[Measured]) -> bool:
        """Keep the run, or undo it; return which."""
        threshold = self._wishes.threshold or self._peers.learning.threshold
        result = compare(measured, self._ledger.scores(self._key), threshold)
        self._report.result = result
        if result.worse:
            await self._undo(run, plan.digest)
            restored = await self._measure(plan.measure, 0, len(plan.measure))
            self._ledger.note_scores(self._key, {one.id: one.score for one in restored})
            return False
        self._ledger.keep(run, {one.id: one.score for one in measured})
        self._report.own_bayes = self._counts(result)
        return True

    def _counts(self, result: Result) -> bool:
        """Whether the user's own database is good enough to decide."""
        known = min(self._report.known_ham, self._report.known_spam)
        enough = known >= self._peers.learning.enough
        return enough and result.now.false_positives <= result.without.false_positives

    async def _undo(self, run: Run, lesson: bytes) -> None:
        """Put the database back first, and forget what it was taught when that is done.

        Killed in between, the database is put back once more: the same copy, the same end.
        """
        self._ledger.undo_begins(run, lesson)
        await self._peers.ask_keeper(lambda: self._peers.keeper.restore(self._key, run.snapshot))
        self._ledger.undone(run, lesson)
        self._report.undone = True
        await self._known()

    async def _finish_undoing(self) -> None:
        run = self._ledger.run(self._key)
        if run is not None and run.undoing is not None:
            await self._undo(run, run.undoing)
            self._report.undone = False
