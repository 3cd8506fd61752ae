"""How couchmail is prepared, checked, run and asked whether it works.

It is our own program, so it is always installed, and its checker is its own loader. It starts as
root where the agent is root, because it must import itself from wherever that is, and then becomes
its account by itself.
"""

import os
import re
import secrets
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mailstack import __version__
from mailstack.couchmail.config import load
from mailstack.daemons.contract import Account, Command, Files, Overrides, Site, Version
from mailstack.daemons.couchmail import probe, render

SECURE_MODE = 0o711
"""Of STATE/secure: each service may open the file it knows, nobody lists them."""


class Couchmail:
    """Answers every lookup from the datastore."""

    name = "couchmail"
    packages: Sequence[str] = ()
    programs: Sequence[str] = ()
    override_files: Sequence[str] = ()

    def version(self) -> Version:
        return tuple(int(part) for part in re.findall(r"\d+", __version__))

    def prepare(self, site: Site) -> None:
        """Make the folders of store and socket, and a token if there is none."""
        _folder(site.paths.data / "store", 0o700, site.account)
        _folder(site.paths.run, 0o755, site.account)
        token = render.token_file(site.paths)
        token.parent.mkdir(mode=SECURE_MODE, parents=True, exist_ok=True)
        if not token.exists():
            _write_secret(token, secrets.token_hex(32))
        _own(token, site.account)
        with suppress(OSError):  # in a pod, secrets are mounted read-only
            _folder(render.marker(site.paths).parent, 0o700, site.account)

    def render(self, site: Site, overrides: Overrides) -> Files:
        """One file. There is nothing to override that is not a setting."""
        del overrides
        return {render.FILE: render.render(site)}

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Read the file as the service will.

        Raises:
            ConfigError: it is not what the service takes.
        """
        del site, overrides
        load(folder / render.FILE)

    def commands(self, site: Site) -> Sequence[Command]:
        config = str(site.paths.conf / render.FILE)
        return (Command((sys.executable, "-m", "mailstack.couchmail", "--config", config)),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        """Any change: what is configured is where it listens and what it opens."""
        return old != new

    async def reload(self, site: Site, pid: int) -> None:
        """Nothing to do: a change restarts it, and data are read anew for every lookup."""
        del site, pid

    async def probe(self, site: Site) -> None:
        await probe.probe(site)


def _folder(path: Path, mode: int, account: Account) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    _own(path, account)


def _write_secret(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secret}\n")


def _own(path: Path, account: Account) -> None:
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid)
