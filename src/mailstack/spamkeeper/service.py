"""The keeper at work: follows the feed, answers HTTP, looks at databases, fetches rules.

Each is a task of its own, and none waits for another: while couchmail is away the databases are
looked after, and while rules are fetched preferences come into force.
"""

import asyncio
import datetime as dt
import logging
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Never

from mailstack.aio.backoff import Backoff
from mailstack.aio.http import HttpServer
from mailstack.aio.sockets import start_server
from mailstack.errors import StoreUnavailable
from mailstack.feed import Changed, Reader, follow
from mailstack.spamkeeper.config import Config
from mailstack.spamkeeper.expiry import Expiry
from mailstack.spamkeeper.folders import Users
from mailstack.spamkeeper.http import routes
from mailstack.spamkeeper.keeper import Keeper
from mailstack.spamkeeper.metrics import KeeperMetrics
from mailstack.spamkeeper.profiles import Profiles
from mailstack.spamkeeper.rules import CURRENT, Rules
from mailstack.spamkeeper.spamd import Spamd

_SPREAD_S: Final = 1800
"""Not all machines of the world ask the channel at the same minute."""
_DAY: Final = dt.timedelta(days=1)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """``start`` it, give up root, then ``run`` it until told to stop."""

    config: Config
    token: str
    metrics: KeeperMetrics = field(default_factory=KeeperMetrics)
    keeper: Keeper = field(init=False)
    rules: Rules = field(init=False)
    _reader: Reader = field(init=False)
    _server: asyncio.Server = field(init=False)
    _requests: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        config = self.config
        self._reader = Reader(config.api, self.token)
        users = Users(config.users)
        profiles = Profiles(self._reader, users, self.metrics, config.authenticated)
        expiry = Expiry(users, config.site_config, config.rules / CURRENT)
        self.keeper = Keeper(users, profiles, self.metrics, expiry)
        spamd = Spamd(config.spamd_pid, config.spamd)
        self.rules = Rules(config.rules, config.site_config, spamd.reload)

    async def start(self) -> None:
        """Take the port; nobody is accepted before ``run``.

        Raises:
            OSError: it is taken.
        """
        http = HttpServer(routes(self.keeper, self.token))

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(http.serve(reader, writer))
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)

        self._server = await start_server(self.config.http, accept, start_serving=False)

    @property
    def port(self) -> int:
        """In use; tests listen on port 0."""
        return int(self._server.sockets[0].getsockname()[1])

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``."""
        self.keeper.users.prepare()
        async with asyncio.TaskGroup() as tasks:
            await self._server.start_serving()
            works = [
                tasks.create_task(work)
                for work in (self._follow(), self._look_after(), self._fetch_rules())
            ]
            await stop.wait()
            self._server.close()
            for task in (*works, *self._requests):
                task.cancel()

    async def _follow(self) -> None:
        """Bring every change into force, in order; begin anew when the feed does."""
        profiles = self.keeper.profiles
        async for batch in follow(self._reader):
            if batch.fresh:
                self.metrics.following = False
                profiles.begin()
            for change in batch.changes:
                await self._apply(change)
            if batch.caught_up and not self.metrics.following:
                self.metrics.following = True
                if unknown := profiles.caught_up():
                    _log.warning(
                        "%d users have training, and the datastore has never heard of them: "
                        "their data stays, in case it came back from an old copy",
                        unknown,
                    )

    async def _apply(self, change: Changed) -> None:
        backoff = Backoff(limit_s=5.0)
        while True:
            try:
                return await self.keeper.apply(change)
            except (StoreUnavailable, OSError) as error:
                if not backoff.failures:
                    _log.warning("%s %s is not in force yet: %s", *_named(change), error)
                await asyncio.sleep(backoff.next_s())

    async def _look_after(self) -> Never:
        soon, every_s = self.keeper.soon, self.config.check_every_s
        while True:
            soon.clear()
            try:
                await self.keeper.check_changed()
            except OSError as error:
                _log.error("databases cannot be looked at: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await soon.wait()

    async def _fetch_rules(self) -> None:
        while self.config.update_rules:
            await asyncio.sleep(seconds_until(self.config.update_hour, _now()))
            result = await self.rules.update()
            self.metrics.updates.counts[(result.value,)] += 1


def _named(change: Changed) -> tuple[str, str]:
    return change.kind, change.name


def _now() -> dt.datetime:
    return dt.datetime.now().astimezone()


def seconds_until(hour: int, now: dt.datetime, spread: float | None = None) -> float:
    """Return the time to the next such hour of the local clock, and somewhat more."""
    due = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if due <= now:
        due += _DAY
    extra = random.uniform(0, _SPREAD_S) if spread is None else spread  # noqa: S311 - no secret
    return (due - now).total_seconds() + extra
