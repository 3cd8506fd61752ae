"""A daemon package that runs small real processes, and does what a test tells it."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailstack.daemons.contract import (
    Command,
    Files,
    Overrides,
    ProbeFailed,
    Site,
    Version,
)
from mailstack.errors import ConfigError
from mailstack.settings import Settings

SLEEPER = Command(("sleep", "600"), stop_timeout_s=5)
BAD = "bad"
"""A word in an override that the checker refuses."""
DEADLY = "deadly"
"""A word in an override that passes the checker, and then the program dies of it."""
PATIENCE_S = 60.0
"""For something that takes milliseconds, on a machine that is busy with other things."""


def python(program: str, *, name: str = "", stop_timeout_s: float = 5) -> Command:
    """A process that runs a few lines of Python, started as quickly as Python can."""
    return Command(
        (sys.executable, "-I", "-S", "-c", program), name=name, stop_timeout_s=stop_timeout_s
    )


def settings(project: str = "mailstack") -> Settings:
    """The smallest that is valid."""
    return Settings(project=project, email="owner@example.com", domain="example.com")


@dataclass
class FakeDaemon:
    """Implements ``daemons.contract.Daemon``."""

    name: str = "fake"
    processes: Sequence[Command] = (SLEEPER,)
    sick: str = ""
    """Why the probe fails; empty: it succeeds."""
    apart: bool = False
    """Whether each override is a file of the configuration, as Dovecot's are."""
    restarts: bool = False
    """What ``restart_needed`` answers."""
    release: Version = (1, 0)
    reloads: list[int] = field(default_factory=list)
    checks: int = 0
    packages: Sequence[str] = ("fake-package",)
    programs: Sequence[str] = ("sleep",)
    override_files: Sequence[str] = ("*.conf",)

    def version(self) -> Version:
        return self.release

    def prepare(self, site: Site) -> None:
        site.paths.run.mkdir(parents=True, exist_ok=True)

    def render(self, site: Site, overrides: Overrides) -> Files:
        if self.apart:
            theirs = {f"overrides/{name}": text for name, text in overrides.items()}
            return {"main.conf": f"project {site.settings.project}\n", **theirs}
        own = "".join(f"{name}: {text}" for name, text in overrides.items())
        return {"main.conf": f"project {site.settings.project}\n{own}", "sub/other.conf": "\n"}

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        self.checks += 1
        await asyncio.sleep(0)
        if BAD in (folder / "main.conf").read_text():
            raise ConfigError(
                "fake: bad word", file=site.paths.overrides / next(iter(overrides)), line=1
            )

    def commands(self, site: Site) -> Sequence[Command]:
        if is_deadly(site):
            return (python("raise SystemExit('it is deadly')"),)
        return self.processes

    def restart_needed(self, old: Files, new: Files) -> bool:
        assert old != new
        return self.restarts

    async def reload(self, site: Site, pid: int) -> None:  # noqa: ARG002 - the contract's
        self.reloads.append(pid)

    async def probe(self, site: Site) -> None:
        await asyncio.sleep(0)
        if self.sick or is_deadly(site):
            raise ProbeFailed(self.sick or "nobody answers")


def is_deadly(site: Site) -> bool:
    """Whether the configuration in force kills the program."""
    main = site.paths.conf / "main.conf"
    return main.exists() and DEADLY in main.read_text()


class Changes:
    """Lets a test await a state instead of sleeping: call it after each change."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def __call__(self, *_: object) -> None:
        self._changed.set()

    async def until(self, true: Callable[[], object]) -> None:
        """Return once ``true()`` is; looks after every change."""
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._changed.clear()
                await self._changed.wait()
