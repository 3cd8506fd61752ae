"""How a service is: the one record behind ``mailstack status``, the progress and the metrics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from mailstack.observe.log import timestamp


class State(StrEnum):
    """Of a service."""

    WAITING = "waiting"
    """For the services that it needs."""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    """Runs, but its last probe failed."""
    RESTARTING = "restarting"
    """Died or hung; waits for its next start."""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """Did not come up; is not tried again."""


class ConfigState(StrEnum):
    """Of the latest configuration the owner asked for."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(slots=True)
class ConfigHealth:
    """Whether what the owner wrote is in force; if not, why."""

    state: ConfigState = ConfigState.PENDING
    reason: str = ""
    since: str = field(default_factory=timestamp)
    refusals: int = 0
    """Since the agent started."""


@dataclass(slots=True)
class Health:
    """Of one service, kept by its agent. ``changed`` is called after each change."""

    service: str
    changed: Callable[["Health"], None] = lambda _: None
    state: State = State.WAITING
    reason: str = ""
    """Why it is not healthy."""
    since: str = field(default_factory=timestamp)
    pid: int | None = None
    """The main process."""
    sessions: frozenset[int] = frozenset()
    """Of all its processes, the companions' too: their trees are the service's memory."""
    remark: str = ""
    """What the owner should know although it is healthy."""
    restarts: int = 0
    """Unplanned ones: after a crash or a hang, not for a new configuration."""
    config: ConfigHealth = field(default_factory=ConfigHealth)
    certificate_ends: float | None = None
    """Of the one in force, in seconds of the epoch; None: it has none, or it cannot be read."""

    def now(self, state: State, reason: str = "") -> None:
        """Record a state; the time changes only when the state does."""
        if (state, reason) == (self.state, self.reason):
            return
        if state != self.state:
            self.since = timestamp()
        self.state, self.reason = state, reason
        self.changed(self)

    def says(self, remark: str) -> None:
        """Record what a healthy service has to tell."""
        if remark != self.remark:
            self.remark = remark
            self.changed(self)

    def shows_certificate_until(self, ends: float | None) -> None:
        """Record the end of the certificate in force."""
        if ends != self.certificate_ends:
            self.certificate_ends = ends
            self.changed(self)

    def runs_as(self, pid: int | None, sessions: Iterable[int] = ()) -> None:
        """Record the main process, and the sessions of all."""
        self.pid, self.sessions = pid, frozenset(sessions)
        self.changed(self)

    def config_accepted(self) -> None:
        if self.config.state is not ConfigState.ACCEPTED:
            self.config.state, self.config.reason = ConfigState.ACCEPTED, ""
            self.config.since = timestamp()
            self.changed(self)

    def config_refused(self, reason: str) -> None:
        self.config.state, self.config.reason = ConfigState.REFUSED, reason
        self.config.since = timestamp()
        self.config.refusals += 1
        self.changed(self)
