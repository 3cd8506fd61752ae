"""Run Postgrey in the foreground, as its own account. postgrey(8), 1.37.

It has no configuration file but whitelists: what to do is said on its command line.
"""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.daemons.contract import Command, Files, Overrides, Site, Version
from mailstack.daemons.postgrey import options, probe, whitelist
from mailstack.errors import MissingProgram

PACKAGED = (
    Path("/etc/postgrey/whitelist_clients"),
    Path("/etc/postgrey/whitelist_recipients"),
)
"""Senders that are known never to come again from the same network, as the package ships them."""
_VERSION = re.compile(r"postgrey (\d+(?:\.\d+)*)")


class Postgrey:
    """Asks unknown senders to come again."""

    name = "postgrey"
    packages: Sequence[str] = ("postgrey",)
    programs: Sequence[str] = ("postgrey",)
    override_files: Sequence[str] = whitelist.LISTS

    def version(self) -> Version:
        try:
            finished = subprocess.run(
                ("postgrey", "--version"),
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
                env=MINIMAL_ENVIRONMENT,
            )
        except FileNotFoundError:
            raise MissingProgram("postgrey is not installed", advice="install postgrey") from None
        found = _VERSION.search(finished.stdout)
        return tuple(map(int, found[1].split("."))) if found else ()

    def prepare(self, site: Site) -> None:
        triplets = site.paths.data / "triplets"
        triplets.mkdir(parents=True, exist_ok=True)
        os.chown(triplets, site.account.uid, site.account.gid)
        triplets.chmod(0o700)

    def render(self, site: Site, overrides: Overrides) -> Files:
        lines = "\n".join(options.options(site))
        return {options.NAME: f"{lines}\n", **whitelist.files(overrides)}

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        del folder  # the owner's lines stand in it unchanged
        await whitelist.check(overrides, site.paths.overrides)

    def commands(self, site: Site) -> Sequence[Command]:
        argv = (
            "postgrey",
            *options.options(site),
            *(f"--whitelist-clients={f}" for f in _lists(site, whitelist.CLIENTS)),
            *(f"--whitelist-recipients={f}" for f in _lists(site, whitelist.RECIPIENTS)),
        )
        return (Command(argv, account=site.account),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        return old[options.NAME] != new[options.NAME]

    async def reload(self, site: Site, pid: int) -> None:
        del site
        os.kill(pid, signal.SIGHUP)

    async def probe(self, site: Site) -> None:
        await probe.probe(site)


def _lists(site: Site, name: str) -> list[Path]:
    packaged = [path for path in PACKAGED if path.name == name and path.exists()]
    return [*packaged, site.paths.conf / name]
