"""What each daemon package offers, so that an agent can run any of them.

The agent's cycle: ``render`` (pure) → write into a new folder → ``check`` (the daemon's own
checker) → move into place whole → ``reload``, or restart where ``restart_needed`` says so. What
does not pass ``check`` is refused, and the old configuration keeps running.

A daemon package knows nothing of the topology: its addresses come as a mapping in ``Site``, keyed
``"service.port"``. It knows nothing of supervising either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from mailstack.settings import Settings
from mailstack.topology.model import Endpoint

Version = tuple[int, ...]
Files = Mapping[str, str]
"""Relative path in the configuration folder → text."""
Overrides = Mapping[str, str]
"""File name in the service's override folder → text, as the owner wrote it."""


@dataclass(frozen=True, slots=True)
class Account:
    """Numbers to run as. (0, 0) is root."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Paths:
    """Where one service keeps its things, all below the state folder.

    ``conf`` is a link that always points to the configuration in force. Unix sockets live in
    ``run``; sun_path holds 107 octets (unix(7)), so ``state`` is refused when too long.
    """

    state: Path
    service: str

    @property
    def conf(self) -> Path:
        return self.state / "conf" / self.service / "current"

    @property
    def data(self) -> Path:
        """Holds the service's volumes, one folder each, named as the topology names them."""
        return self.state / "data" / self.service

    @property
    def run(self) -> Path:
        return self.state / "run" / self.service

    @property
    def log(self) -> Path:
        return self.state / "log" / f"{self.service}.log"

    @property
    def overrides(self) -> Path:
        return self.state / "overrides" / self.service

    @property
    def secure(self) -> Path:
        """Keys, certificates, tokens of the whole stack (STATE/secure)."""
        return self.state / "secure"

    @property
    def tls(self) -> Path:
        """Link to the certificate and key in force, a copy of its own (daemons/certificate.py)."""
        return self.run / "tls"


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a rendering may depend on."""

    settings: Settings
    addresses: Mapping[str, Endpoint]
    """``"couchmail.domains"`` → where to connect; ``"postfix.smtp"`` → where to listen.
    A listening host of ``"all"`` means every IPv4 and IPv6 address of the machine."""
    paths: Paths
    version: Version
    """Of the installed daemon, e.g. (3, 7, 11)."""
    account: Account
    resolver: str = ""
    """IP address at which the resolver serves port 53, for programs that cannot be told a port."""
    ipv6: bool = True
    """Whether the machine has IPv6 at all."""
    features: frozenset[str] = frozenset()
    """What the installed daemon was built with, where it says so (``Featured``)."""


@dataclass(frozen=True, slots=True)
class Command:
    """One process to run in the foreground. Never a shell."""

    argv: Sequence[str]
    account: Account = Account(0, 0)
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to a minimal environment (PATH, LANG, TZ)."""
    name: str = ""
    """Of a companion process (``socat``); empty for the service's main process."""
    stop_timeout_s: float = 10.0
    """From SIGTERM to SIGKILL."""
    syslog: Path | None = None
    """Where the agent listens for what the process logs by syslog(3), if it can do nothing else."""


class ProbeFailed(Exception):
    """The daemon runs but does not do its work; the text says what was tried and what came back."""


class NotReady(ProbeFailed):
    """The daemon answers, and says itself that it cannot work now: a restart would not help it."""


class Daemon(Protocol):
    """One folder under ``daemons/``: ``settings → files``, and how to run the result."""

    name: str
    """The service's name in the topology."""
    packages: Sequence[str]
    """Debian packages that hold it, for the installed release."""
    programs: Sequence[str]
    """Executables that must be on PATH (``postfix``, ``dovecot``); any missing → install."""
    override_files: Sequence[str]
    """Glob patterns of the files an owner may put into the override folder."""

    def version(self) -> Version:
        """Ask the installed program.

        Raises:
            MissingProgram: it is not installed.
        """

    def prepare(self, site: Site) -> None:
        """Create data and run folders with their owners. Idempotent, keeps what is there."""

    def render(self, site: Site, overrides: Overrides) -> Files:
        """Every configuration file, overrides merged in. Pure: same input, same bytes.

        Raises:
            ConfigError: an override cannot be merged; names its file and line.
        """

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Have the daemon's own checker read ``folder``, which is not in force yet.

        Raises:
            ConfigError: refused; carries the daemon's own words and, where it can be told, the
                override's file and line.
        """

    def commands(self, site: Site) -> Sequence[Command]:
        """Processes to run, the main one first, then companions."""

    def restart_needed(self, old: Files, new: Files) -> bool:
        """Whether a reload would not bring ``new`` into force."""

    async def reload(self, site: Site, pid: int) -> None:
        """Make the running daemon (main process ``pid``) read its configuration anew.

        Sessions that are open go on.
        """

    async def probe(self, site: Site) -> None:
        """Use the daemon the way its clients do, within a few seconds.

        Raises:
            ProbeFailed: it does not do its work.
        """


@runtime_checkable
class Outspoken(Protocol):
    """A daemon that does its work, and may still have something to tell its owner."""

    async def remark(self, site: Site) -> str:
        """Return one line for ``mailstack status``; empty: nothing. Never raises."""


@runtime_checkable
class Featured(Protocol):
    """A daemon that distributions build in different ways, so that its rendering differs."""

    def features(self) -> frozenset[str]:
        """Ask the installed program what it was built with.

        Raises:
            MissingProgram: it is not installed.
        """


def features_of(daemon: Daemon) -> frozenset[str]:
    """Return what a daemon was built with; nothing for those of which it does not matter."""
    return daemon.features() if isinstance(daemon, Featured) else frozenset()


@runtime_checkable
class Attended(Protocol):
    """A daemon with something to do beside its processes: its agent runs that as a task."""

    async def attend(self, site: Site, say: Callable[[str], None]) -> None:
        """Do it until cancelled; ``say`` takes a line for the service's log."""
