"""Render, check, commit: the folder of a service's configurations.

``STATE/conf/SERVICE/`` holds numbered folders and ``current``, a link to the one in force. A new
one is written whole beside the old, read by the daemon's own checker, and only then does the link
change, in one step. What is refused is removed, and nothing has happened.
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailstack.aio import files as disk
from mailstack.daemons.contract import Command, Daemon, Files, Overrides, Site
from mailstack.errors import ConfigError

CURRENT: Final = "current"
_ACCEPTED: Final = "accepted.json"
"""Which folder passed the checker of which version, so that a start need not ask it again. The
names of its files are noted: a checker adds some of its own there, and one that is wanted no more,
as an override that was removed, makes another configuration."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One that passed: its files, how it is run, and the folder that holds it."""

    site: Site
    files: Files
    commands: Sequence[Command]
    folder: Path


@dataclass(slots=True)
class Configurations:
    """Of one service."""

    daemon: Daemon
    root: Path

    async def propose(
        self, site: Site, overrides: Overrides, *, old: Configuration | None, keep: Iterable[Path]
    ) -> Configuration:
        """Render and check; put into force what passes, when it differs from ``old``.

        The folders of ``old`` and in ``keep`` stay; any other earlier one is removed.

        Raises:
            ConfigError: refused; nothing has changed.
        """
        files = self.daemon.render(site, overrides)
        if old is not None and files == old.files:
            return Configuration(site, files, self.daemon.commands(site), old.folder)
        folder = self._checked_before(site, files)
        if folder is None:
            folder = await self._write_checked(site, files, overrides)
            self.put_in_force(folder)
            self._remember(site, folder, files)
        self._prune({folder, *keep} | ({old.folder} if old else set()))
        return Configuration(site, files, self.daemon.commands(site), folder)

    def put_in_force(self, folder: Path) -> None:
        disk.point_link(self.root / CURRENT, folder.name)

    async def _write_checked(self, site: Site, files: Files, overrides: Overrides) -> Path:
        folder = self.root / str(max(self._numbers(), default=0) + 1)
        try:
            disk.write_tree(folder, files)
            await self.daemon.check(site, folder, overrides)
        except TimeoutError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ConfigError(f"{self.daemon.name}: its checker did not end in time") from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def _checked_before(self, site: Site, files: Files) -> Path | None:
        """Return the folder in force if it holds just ``files`` and passed this very version."""
        try:
            known = json.loads((self.root / _ACCEPTED).read_text(encoding="utf-8"))
            folder = self.root / (self.root / CURRENT).readlink()
        except (OSError, ValueError):
            return None
        same = known == _note(site, folder, files)
        return folder if same and disk.holds(folder, files) else None

    def _remember(self, site: Site, folder: Path, files: Files) -> None:
        disk.replace_text(self.root / _ACCEPTED, json.dumps(_note(site, folder, files)))

    def _numbers(self) -> Iterable[int]:
        if not self.root.is_dir():
            return []
        return [int(path.name) for path in self.root.iterdir() if path.name.isdigit()]

    def _prune(self, keep: set[Path]) -> None:
        for number in self._numbers():
            folder = self.root / str(number)
            if folder not in keep:
                shutil.rmtree(folder, ignore_errors=True)


def _note(site: Site, folder: Path, files: Files) -> dict[str, object]:
    return {"folder": folder.name, "version": list(site.version), "files": sorted(files)}
