"""Runs one service: configures it, keeps it alive, and follows the owner's changes.

    first configuration ─ refused → the start fails
        │ accepted
        ▼
    wait for the services it needs
        ▼
    a life (life.py) ─ changed files → propose (apply.py) ─ refused → the old one runs on, visibly
        │ ended                            └ accepted → reload, or end the life for a restart
        ▼
    backoff, or at once when planned; a new configuration that never became healthy is taken back

The same agent runs below the supervisor and as process 1 of a pod.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Never

from mailstack.agent import overrides
from mailstack.agent.alerts import Matter
from mailstack.agent.apply import Configuration, Configurations
from mailstack.agent.attendance import Attendance
from mailstack.agent.life import Cause, Ended, Life, Surroundings
from mailstack.aio.backoff import Backoff
from mailstack.aio.finish import finish
from mailstack.daemons import certificate
from mailstack.daemons.contract import Overrides, Site, Version, features_of
from mailstack.errors import ConfigError, MailstackError, ServiceFailed
from mailstack.observe.health import State
from mailstack.settings import Settings

MAX_EARLY_DEATHS: Final = 3
"""Before it was ever healthy: a service that dies so often at its first start has a reason that
waiting does not cure, and ``up`` should say it soon."""

MakeSite = Callable[[Settings, Version], Site]


@dataclass(slots=True)
class Agent:
    """Of one service. ``run`` it once, as a task; cancel the task to stop the service."""

    around: Surroundings
    settings: Settings
    make_site: MakeSite
    gate: Callable[[], Awaitable[None]]
    """Returns once the services this one needs are healthy."""
    _now: Configuration = field(init=False, repr=False)
    """In force."""
    _proven: Configuration | None = None
    """The last one with which the service was healthy."""
    _configurations: Configurations = field(init=False, repr=False)
    _version: Version = ()
    _features: frozenset[str] = frozenset()
    _early_deaths: int = 0
    _backoff: Backoff = field(default_factory=Backoff)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _attendance: Attendance = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._attendance = Attendance(self.around.daemon, self.around.output.say)

    @property
    def service(self) -> str:
        return self.around.health.service

    def look_again(self, settings: Settings) -> None:
        """Tell that the settings, an override or the certificate may have changed."""
        self.settings = settings
        self._changed.set()

    async def run(self) -> None:
        """Run the service until cancelled.

        Raises:
            MailstackError: it did not come up at all: refused, missing, or dying.
        """
        health = self.around.health
        try:
            await self._configure()
            await self.gate()
            await self._live()
        except MailstackError as error:
            health.now(State.FAILED, str(error))
            raise
        except asyncio.CancelledError:
            health.now(State.STOPPED)
            raise
        finally:
            await finish(self._attendance.end())

    async def _configure(self) -> None:
        daemon = self.around.daemon
        self._version = await asyncio.to_thread(daemon.version)
        self._features = await asyncio.to_thread(features_of, daemon)
        site = self._site()
        daemon.prepare(site)
        self._configurations = Configurations(daemon, site.paths.conf.parent)
        try:
            self._now = await self._configurations.propose(
                site, self._overrides(site), old=None, keep=()
            )
        except ConfigError as error:
            self.refuse(str(error))
            raise
        self.around.health.config_accepted()
        if certificate.is_used(site):
            self._changed.set()  # it may be another one than at the last start

    def _site(self) -> Site:
        return replace(self.make_site(self.settings, self._version), features=self._features)

    def _overrides(self, site: Site) -> Overrides:
        return overrides.read(site.paths.overrides, self.around.daemon.override_files)

    async def _live(self) -> Never:
        while True:
            if self._changed.is_set():
                await self._propose()
            running = self._now
            self._attendance.begin(running.site)
            life = Life(self.around, running.commands, lambda: self._now.site)
            ended = await life.live(self._follow_changes)
            if not life.is_starting and running is self._now:
                self._proven = running
            await self._after(life, ended)

    async def _after(self, life: Life, ended: Ended) -> None:
        """Decide what a life's end means for the next one."""
        words = self.around.output.last_words()
        reason = f"{ended.reason}: {words}" if ended.spoke and words else ended.reason
        if ended.cause is Cause.PLANNED:
            self.around.output.say(f"restarting: {ended.reason}")
        elif life.is_starting and self._proven is not None and self._proven is not self._now:
            self._take_back(self._proven, reason)
        else:
            if self._proven is None:
                self._count_early_death(ended, reason)
            await self._wait_for_next_life(life, reason)

    def _count_early_death(self, ended: Ended, reason: str) -> None:
        self._early_deaths += 1
        if self._early_deaths >= MAX_EARLY_DEATHS or ended.cause is Cause.HUNG:
            log = self._now.site.paths.log
            raise ServiceFailed(f"{self.service} {reason}", advice=f"its log is {log}")

    async def _wait_for_next_life(self, life: Life, reason: str) -> None:
        clock, stable_s = self.around.clock, self.around.rhythm.stable_s
        if life.healthy_since is not None and clock.now() - life.healthy_since >= stable_s:
            self._backoff.reset()
        delay = self._backoff.next_s()
        self.around.health.restarts += 1
        self.around.health.now(State.RESTARTING, reason)
        self.around.output.say(f"{reason}; starting again in {delay:.1f} s")
        await clock.sleep(delay)

    def _take_back(self, proven: Configuration, reason: str) -> None:
        """Return to the last configuration that was healthy."""
        self._now = proven
        self._configurations.put_in_force(proven.folder)
        self.refuse(f"passed its check, but then the service {reason}; the one before is back")

    async def _follow_changes(self, life: Life) -> Never:
        """Apply changes while a life goes on; end it where a reload would not do."""
        while True:
            await self._changed.wait()
            old = self._now
            if not life.is_starting:
                self._proven = old
            if not await self._propose():
                continue
            if life.is_starting or life.main is None or self._needs_restart(life, old, self._now):
                raise Ended(Cause.PLANNED, "the configuration changed")
            await life.become(self._now.commands)
            await self._reload(life.main.pid)
            self._attendance.begin(self._now.site)

    async def _propose(self) -> bool:
        """Return whether another configuration or certificate is in force now."""
        self._changed.clear()
        changed, wrong = False, []
        for take in (self._take_configuration, self._take_certificate):
            try:
                changed |= await take()
            except MailstackError as error:
                wrong.append(str(error))
            except asyncio.CancelledError:
                self._changed.set()  # the process has ended meanwhile: the next one begins with it
                raise
        if wrong:
            self.refuse("; ".join(wrong))
        else:
            self.around.health.config_accepted()
        return changed

    async def _take_configuration(self) -> bool:
        old, site = self._now, self._site()
        moved = site.resolver != old.site.resolver
        if moved:
            # Postfix's chroot names it, which is no file of a configuration, and is read once.
            self.around.daemon.prepare(site)
        keep = () if self._proven is None else (self._proven.folder,)
        new = await self._configurations.propose(site, self._overrides(site), old=old, keep=keep)
        if not moved and (new.files, new.commands) == (old.files, old.commands):
            return False
        self._now = new
        return True

    async def _take_certificate(self) -> bool:
        site = self._now.site
        if not certificate.is_used(site):
            return False
        try:
            renewed = await asyncio.to_thread(certificate.renew, site)
        finally:
            valid = await asyncio.to_thread(certificate.validity, site)
            self.around.expiry.of = valid
            self.around.health.shows_certificate_until(valid.ends if valid else None)
        if renewed:
            self.around.output.say("another certificate passed its check")
        return renewed

    def _needs_restart(self, life: Life, old: Configuration, new: Configuration) -> bool:
        if not life.can_become(new.commands):
            return True
        if old.files == new.files:
            return False  # the certificate or the resolver alone: both are read at a reload
        return self.around.daemon.restart_needed(old.files, new.files)

    async def _reload(self, pid: int) -> None:
        try:
            await self.around.daemon.reload(self._now.site, pid)
        except (MailstackError, OSError) as error:
            raise Ended(Cause.PLANNED, f"it could not be reloaded: {error}") from error
        self.around.output.say("the new configuration is in force (reloaded)")

    def refuse(self, reason: str) -> None:
        """Keep the configuration in force, and let everybody see that another was wanted."""
        self.around.output.say(f"configuration refused: {reason}")
        self.around.health.config_refused(reason)
        self.around.alert(Matter.REFUSED, reason)
