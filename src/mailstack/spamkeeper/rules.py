"""New rules from SpamAssassin's own channel, each night: fetched, tried, and only then in force.

    current → versions/N      what spamd reads (``--configpath``)
    versions/N/               as sa-update writes it
    keys/                     the channel's public key

All of it in a folder for each release of SpamAssassin, as rules are written for one. Until the
first update ``current`` leads to the rules that Debian ships. sa-update checks the signature,
always. Its result is tried by ``spamassassin --lint`` with spamd's configuration in force; what
does not pass is thrown away. Then the link moves in one step, spamd reads anew, and if it does not
answer afterwards the link moves back. Exit codes are of sa-update(1), 4.0.1.
"""

import logging
import re
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from mailstack.aio import command
from mailstack.aio.files import point_link

CHANNEL_KEY: Final = Path("/usr/share/spamassassin/sa-update-pubkey.txt")
CURRENT: Final = "current"
"""The link in the rules' folder that spamd is told to read."""
KEEP: Final = 2
"""Versions on disk: the one in force and the one before, of some MiB each."""
TIMEOUT_S: Final = 600.0
LINT_TIMEOUT_S: Final = 120.0

_log = logging.getLogger(__name__)


class Result(StrEnum):
    """What came of one look for new rules; the labels of a metric."""

    UPDATED = "updated"
    CURRENT = "current"
    OFFLINE = "offline"
    REFUSED = "refused"


_EXIT_CODES: Final = {0: Result.UPDATED, 1: Result.CURRENT}
_BAD: Final = re.compile(r"lint check|verification failed|validation failed")
"""What sa-update says of something that came and is not good; else nothing came at all."""
_WARNING: Final = re.compile(r"\[\d+\] (?:warn|error): (.*)")


@dataclass(slots=True)
class Rules:
    """The folder of rules. ``reload`` has spamd read them, and returns why it does not serve."""

    folder: Path
    site_config: Path
    reload: Callable[[], Awaitable[str]]
    program: str = "sa-update"
    _offline: bool = False

    async def update(self) -> Result:
        """Look for new rules once. Never raises for what may go wrong on the way."""
        staged = self._stage()
        try:
            result = await self._fetch(staged)
            if result is Result.UPDATED:
                result = await self._try(staged)
            if result is Result.UPDATED:
                result = await self._put_in_force(staged)
        except (OSError, TimeoutError) as error:
            return self._told_offline(str(error) or "it took too long")
        else:
            return result
        finally:
            self._prune()

    def _versions(self) -> list[Path]:
        """The oldest first."""
        found = (path for path in (self.folder / "versions").iterdir() if path.name.isdecimal())
        return sorted(found, key=lambda path: int(path.name))

    def _stage(self) -> Path:
        """Begin with what is in force: sa-update fetches only what is newer than that."""
        versions = self.folder / "versions"
        versions.mkdir(exist_ok=True)
        number = 1 + max((int(path.name) for path in self._versions()), default=0)
        staged = versions / str(number)
        now = self.folder / CURRENT
        if now.readlink().parent.name == versions.name:
            shutil.copytree(now, staged, symlinks=True)
        else:
            staged.mkdir()
        return staged

    async def _fetch(self, staged: Path) -> Result:
        home = ("--gpghomedir", str(await self._keys()))
        argv = [self.program, *home, "--updatedir", str(staged)]
        finished = await command.run(argv, timeout_s=TIMEOUT_S, env={"HOME": str(self.folder)})
        result = _EXIT_CODES.get(finished.status)
        if result is not None:
            self._online()
            return result
        if _BAD.search(finished.output):
            return self._told_refused(_last_line(finished.output))
        return self._told_offline(_last_line(finished.output))

    async def _keys(self) -> Path:
        """Return the folder of the channel's key, as sa-update's package brings it."""
        keys = self.folder / "keys"
        if not (keys / "pubring.kbx").exists():
            keys.mkdir(mode=0o700, exist_ok=True)
            # importing a public key needs no agent, and one that is started would stay
            (keys / "gpg.conf").write_text("no-autostart\n")
            argv = [self.program, "--gpghomedir", str(keys), "--import", str(CHANNEL_KEY)]
            await command.run(argv, timeout_s=60)
        return keys

    async def _try(self, staged: Path) -> Result:
        argv = (
            *("spamassassin", "--lint", "--nocreate-prefs"),
            *(f"--configpath={staged}", f"--siteconfigpath={self.site_config}"),
        )
        home = {"HOME": str(self.folder)}
        finished = await command.run(argv, timeout_s=LINT_TIMEOUT_S, env=home)
        if finished.status:
            return self._told_refused(_first_warning(finished.output))
        return Result.UPDATED

    async def _put_in_force(self, staged: Path) -> Result:
        link = self.folder / CURRENT
        before = link.readlink()
        point_link(link, f"versions/{staged.name}")
        wrong = await self.reload()
        if wrong:
            point_link(link, str(before))
            await self.reload()
            return self._told_refused(f"with them spamd {wrong}")
        self._online()
        _log.info("new rules are in force (version %s on disk)", staged.name)
        return Result.UPDATED

    def _prune(self) -> None:
        """Keep what is in force and the newest one before it."""
        now = (self.folder / CURRENT).readlink().name
        old = [path for path in self._versions() if path.name != now]
        older = [path for path in old if now.isdecimal() and int(path.name) < int(now)]
        for path in old:
            if path not in older[-(KEEP - 1) :]:
                shutil.rmtree(path, ignore_errors=True)

    def _online(self) -> None:
        if self._offline:
            _log.info("the channel of new rules can be reached again")
        self._offline = False

    def _told_offline(self, why: str) -> Result:
        """Say it once; most machines without internet stay so."""
        if not self._offline:
            _log.warning("no new rules can be fetched, the old ones stay: %s", why)
        self._offline = True
        return Result.OFFLINE

    def _told_refused(self, why: str) -> Result:
        _log.error("new rules are refused, the old ones stay: %s", why)
        return Result.REFUSED


def _first_warning(output: str) -> str:
    found = _WARNING.search(output)
    return found[1] if found else _last_line(output)


def _last_line(output: str) -> str:
    return output.strip().rpartition("\n")[2] or "no word"
