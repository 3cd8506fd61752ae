"""Runs of many users: so many at once, never two of the same user, each with its report."""

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key
from mailstack.observe.log import timestamp
from mailstack.trainer.mailbox import MailboxGone
from mailstack.trainer.metrics import TrainerMetrics
from mailstack.trainer.peers import Refused
from mailstack.trainer.report import Figure, Report
from mailstack.trainer.run import NotLearning, Peers, UserRun
from mailstack.trainer.waiting import Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Event: TypeAlias = Mapping[str, Figure]
"""What a person who waits is told: one JSON object a line."""
Tell: TypeAlias = Callable[[Event], None]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Training:
    """All runs of this process go through one of these."""

    peers: Peers
    metrics: TrainerMetrics
    _turns: asyncio.Semaphore = field(init=False, repr=False)
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(
        default_factory=WeakValueDictionary, repr=False
    )

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.peers.learning.users_at_once)

    async def everybody(self, users: AsyncIterable[Address], tell: Tell) -> int:
        """Run for each of ``users``; return how many failed.

        A worker for each run at once takes the next user when it is done, so nothing is piled up.
        """
        waiting: asyncio.Queue[Address | None] = asyncio.Queue(maxsize=1)
        workers, failed = self.peers.learning.users_at_once, 0
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._work(waiting, tell)) for _ in range(workers)]
            try:
                async for address in users:
                    await waiting.put(address)
            except (Unreachable, Refused) as error:
                _log.error("the users cannot be listed: %s", error)
                tell({"event": "failed", "failed": str(error)})
                failed += 1
            for _ in range(workers):
                await waiting.put(None)
        return failed + sum(task.result() for task in tasks)

    async def all_users(self) -> "AsyncIterator[Address]":
        """Yield everybody who may log in.

        Raises:
            Unreachable: couchmail did not answer for a long time.
        """
        after, records = "", self.peers.records
        while True:
            page, after = await self.peers.ask_couchmail(partial(records.page, after))
            for address in page:
                yield address
            if not after:
                return

    async def _work(self, waiting: "asyncio.Queue[Address | None]", tell: Tell) -> int:
        failed = 0
        while (address := await waiting.get()) is not None:
            report = await self.nightly(address, tell)
            failed += bool(report.failed)
        return failed

    async def nightly(self, address: Address, tell: Tell) -> Report:
        """Run for one user: learn, measure, keep or undo. Never raises, but for cancellation."""
        report = Report(address, timestamp())

        def progress(done: int, total: int) -> None:
            tell({"event": "progress", "user": address, "done": done, "total": total})

        async with self._turn(address):
            tell({"event": "begun", "user": address})
            run = UserRun(self.peers, address, report, progress)
            await self._run(report, run.nightly)
            await self._record(report)
            await self._end(report)
        tell(_done(report))
        return report

    async def at_once(self, address: Address) -> Report:
        """Learn what one user has moved. Never raises, but for cancellation."""
        report = Report(address, timestamp())
        async with self._turn(address):
            run = UserRun(self.peers, address, report, lambda *_: None)
            await self._run(report, run.at_once)
            await self._end(report)
        return report

    @asynccontextmanager
    async def _turn(self, address: Address) -> "AsyncIterator[None]":
        lock = self._locks.setdefault(address, asyncio.Lock())
        async with lock, self._turns:
            self.metrics.running += 1
            try:
                yield
            finally:
                self.metrics.running -= 1

    async def _run(self, report: Report, run: Callable[[], Awaitable[None]]) -> None:
        began = time.monotonic()
        try:
            await run()
        except MailboxGone as error:
            report.failed = f"Dovecot refuses the master user: {error}"
        except (Unreachable, Refused, NotLearning) as error:
            report.failed = str(error)
        except Exception as error:  # noqa: BLE001 - one user's trouble is not everybody's
            _log.exception("%s: the run ended by a fault of this program", report.user)
            report.failed = repr(error)
        report.seconds = time.monotonic() - began

    async def _end(self, report: Report) -> None:
        if report.failed:
            await self._excuse_removed(report)
        self.metrics.ended(report)
        _log_end(report)

    async def _excuse_removed(self, report: Report) -> None:
        """A user who was removed meanwhile is nobody's failure, and leaves nothing behind."""
        peers, address = self.peers, Address(report.user)
        try:
            there = await peers.ask_couchmail(lambda: peers.records.has_user(address))
        except (Unreachable, Refused):
            return
        if not there:
            peers.ledger.forget(spam_key(address))
            report.failed, report.gone = "", True

    async def _record(self, report: Report) -> None:
        """Write the user's record, unless nothing was learnt and nothing was measured."""
        if report.failed or (report.result is None and not report.learnt):
            return
        peers, address = self.peers, Address(report.user)
        try:
            report.own_bayes = await peers.ask_couchmail(
                lambda: peers.records.note(address, report.figures(), own_bayes=report.own_bayes)
            )
        except (Unreachable, Refused) as error:
            report.failed = f"learnt, but not recorded: {error}"


def _done(report: Report) -> Event:
    return {
        "event": "done",
        "user": report.user,
        "failed": report.failed or None,
        "gone": report.gone,
        "own_bayes": report.own_bayes,
        **report.figures(),
    }


def _log_end(report: Report) -> None:
    if report.failed:
        _log.error("%s: %s", report.user, report.failed)
    elif report.undone and report.result is not None:
        now, before = report.result.now.false_positives, report.result.before.false_positives
        _log.warning(
            "%s: undone, because it raised false positives from %d to %d (%d ham, %d spam)",
            report.user, before, now, report.ham, report.spam,
        )  # fmt: skip
    elif report.learnt:
        _log.info("%s: learnt %d ham, %d spam", report.user, report.ham, report.spam)
