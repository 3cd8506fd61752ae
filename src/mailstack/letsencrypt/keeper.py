"""Keeps a certificate in order: knows which names it is to hold, and has errands done in time.

One errand at a time, whether the clock, a change or a person asks for it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Never, TypeAlias

from mailstack.aio.backoff import Backoff
from mailstack.errors import ProtocolError
from mailstack.letsencrypt.errand import Result, Wish
from mailstack.letsencrypt.plan import Plan, save

TICK_S: Final = 60.0
"""Between two looks at the clock, which may be set, and at the file of the certificate."""
Do: TypeAlias = Callable[[Wish], Awaitable[Result]]

_log = logging.getLogger(__name__)


class Keeper:
    """Of one certificate.

    Args:
        do: has an errand done.
        plan: what is known from before.
        file: where that is kept.
        certificate: file whose change is a reason to look; need not exist.
        now: seconds of the epoch.
    """

    def __init__(
        self,
        do: Do,
        plan: Plan,
        file: Path,
        certificate: Path,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.plan = plan
        self.issued = 0
        self.failed = 0
        self._do = do
        self._file = file
        self._certificate = certificate
        self._now = now
        self._names: tuple[str, ...] | None = None
        self._changed = 0.0
        self._seen = _mark(certificate)
        self._wake = asyncio.Event()
        self._one = asyncio.Lock()
        self._unreachable = Backoff(first_s=1.0, limit_s=TICK_S)

    def hold(self, names: Sequence[str]) -> None:
        """Tell which names the certificate is to hold from now on."""
        if self._names != tuple(names):
            self._names, self._changed = tuple(names), self._now()
            self._wake.set()

    async def run(self) -> Never:
        """Until cancelled."""
        while True:
            await self._until_due()
            missing = self.plan.last is not None and bool(self.plan.last.dropped)
            await self.errand(complete=missing)

    async def errand(self, *, force: bool = False, complete: bool = False) -> Result:
        """Have one done, and plan the next one."""
        async with self._one:
            names = self._names or ()
            result = await self._done(Wish(names, force, complete))
            self._seen = _mark(self._certificate)
            self.plan.after(result, names, self._now())
        self._tell(result)
        try:
            save(self.plan, self._file)
        except OSError as error:
            _log.error("what is planned cannot be kept: %s", error)
        self._wake.set()  # whoever waits for the clock has another moment to wait for
        return result

    async def _done(self, wish: Wish) -> Result:
        """Ask until somebody does it: the agent may be busy with a new configuration."""
        while True:
            try:
                result = await self._do(wish)
            except (OSError, EOFError, ProtocolError) as error:
                delay_s = self._unreachable.next_s()
                _log.warning("nobody orders now, again in %.0f s: %r", delay_s, error)
                await asyncio.sleep(delay_s)
            else:
                self._unreachable.reset()
                return result

    async def _until_due(self) -> None:
        while True:
            self._wake.clear()
            left_s = self.plan.moment(self._names, self._changed, self._now()) - self._now()
            if left_s <= 0 or _mark(self._certificate) != self._seen:
                return
            try:
                async with asyncio.timeout(min(left_s, TICK_S)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _tell(self, result: Result) -> None:
        match result.done:
            case "issued":
                self.issued += 1
                _log.info("a certificate for %s is in force", ", ".join(result.names))
            case "failed":
                self.failed += 1
                _log.error("no certificate: %s; again at %s", result.why, self.again)
            case "kept" | "owners":
                _log.debug("the certificate stays")
        for name, why in result.dropped.items():
            _log.warning("the certificate is without %s: %s", name, why)

    @property
    def again(self) -> str:
        """When the next errand is due, as a person reads it."""
        return moment(self.plan.following)


def moment(seconds: float) -> str:
    """Spell a time, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _mark(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
