"""How couchmail is prepared, checked, run and asked whether it works."""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mailstack.couchmail.config import load
from mailstack.daemons import program
from mailstack.daemons.contract import Command, Files, Overrides, Site, Version
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
        return program.VERSION

    def prepare(self, site: Site) -> None:
        """Make the folders of store and socket, and a token if there is none."""
        program.own_folder(site.paths.data / "store", site.account)
        program.own_folder(site.paths.run, site.account, 0o755)
        token = render.token_file(site.paths)
        token.parent.mkdir(mode=SECURE_MODE, parents=True, exist_ok=True)
        if not token.exists():
            _write_secret(token, secrets.token_hex(32))
        program.own(token, site.account)
        with suppress(OSError):  # in a pod, secrets are mounted read-only
            program.own_folder(render.marker(site.paths).parent, site.account)

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
        return (program.command("mailstack.couchmail", site.paths.conf / render.FILE),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        """Any change: what is configured is where it listens and what it opens."""
        return old != new

    async def reload(self, site: Site, pid: int) -> None:
        """Nothing to do: a change restarts it, and data are read anew for every lookup."""
        del site, pid

    async def probe(self, site: Site) -> None:
        await probe.probe(site)


def _write_secret(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secret}\n")
