"""Run OpenDKIM in the foreground, as its own account."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from mailstack.aio import private_log
from mailstack.aio.command import MINIMAL_ENVIRONMENT, run
from mailstack.aio.process import as_account
from mailstack.daemons.contract import Command, Files, Overrides, Site, Version
from mailstack.daemons.marks import origin
from mailstack.daemons.opendkim import conf, keeper, override, probe, sealer, signer, tables
from mailstack.errors import ConfigError, MissingProgram

_VERSION = re.compile(r"OpenDKIM Filter v(\d+(?:\.\d+)*)")
_AT_LINE = re.compile(r"at line (\d+)")
_RESTART = re.compile(r"^(?:Socket|UserID|Umask|PidFile)\s.*$", re.MULTILINE | re.IGNORECASE)
"""What a running filter does not read again: it has its socket and its account already."""
_STOP_S = 1.0
"""libmilter looks for a stop only every 5 s (MI_CHK_TIME in its listener). There is nothing to
lose: Postfix has stopped before, and without its milter it would answer 4xx."""


class OpenDkim:
    """Signs what leaves, verifies what arrives."""

    name = "opendkim"
    # Debian's OpenDKIM runs scripts in Lua: they ask couchmail (lua-socket) and open keys
    # (lua-luaossl).
    packages: Sequence[str] = ("opendkim", "lua-socket", "lua-luaossl")
    programs: Sequence[str] = ("opendkim",)
    override_files: Sequence[str] = (conf.NAME,)

    def version(self) -> Version:
        found = _VERSION.search(_said_of_itself())
        return tuple(map(int, found[1].split("."))) if found else ()

    def features(self) -> frozenset[str]:
        """Those that make a difference here, of what ``opendkim -V`` lists one a line."""
        return conf.FOR_SCRIPTS & frozenset(_said_of_itself().split())

    def prepare(self, site: Site) -> None:
        site.paths.run.mkdir(parents=True, exist_ok=True)
        os.chown(site.paths.run, site.account.uid, site.account.gid)
        site.paths.run.chmod(0o700)
        if not conf.has_scripts(site):
            tables.prepare(site)

    def render(self, site: Site, overrides: Overrides) -> Files:
        theirs, folder = overrides.get(conf.NAME, ""), site.paths.overrides
        files = {
            conf.NAME: override.merge(conf.opendkim_conf(site), theirs, folder),
            **conf.tables(site),
            "internal_hosts": conf.internal_hosts(),
            keeper.FILE: keeper.render(site),
        }
        if sealer.is_wanted(site):
            files[sealer.FILE] = sealer.render(site)
        if not conf.has_scripts(site):
            files[tables.FILE] = tables.render(site)
        if signer.is_wanted(site):
            files[signer.FILE] = signer.render(site)
        if conf.has_ed25519(site):
            own = override.for_second(theirs)
            files[conf.ED25519] = override.merge(conf.ed25519_conf(site), own, folder)
        if conf.asks_resolver_by_address(site):
            files[conf.RESOLVER_CONF] = conf.resolver_conf(site)
        return files

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        del overrides  # their lines are marked in the rendered files
        keeper.check(site)
        for name in (conf.NAME, conf.ED25519):
            if (folder / name).exists():
                await _check(site, folder, name)

    def commands(self, site: Site) -> Sequence[Command]:
        """It logs by syslog(3) alone, so it gets a /dev/log of its own, where we are root."""
        found = [_command(site, conf.NAME, "log.sock")]
        if conf.has_ed25519(site):
            found.append(_command(site, conf.ED25519, "ed25519.sock", name="ed25519"))
        return found

    def restart_needed(self, old: Files, new: Files) -> bool:
        return any(
            _RESTART.findall(old.get(name, "")) != _RESTART.findall(new.get(name, ""))
            for name in (conf.NAME, conf.ED25519)
        )

    async def reload(self, site: Site, pid: int) -> None:
        os.kill(pid, signal.SIGUSR1)
        # the second process: one that is not there just now reads its files when it comes
        with suppress(OSError, ValueError):
            os.kill(int((site.paths.run / conf.ED25519_PID_FILE).read_text()), signal.SIGUSR1)

    async def probe(self, site: Site) -> None:
        await probe.probe(site.addresses[conf.RSA_PORT])
        if conf.has_ed25519(site):
            await probe.probe(site.addresses[conf.ED25519_PORT])

    async def remark(self, site: Site) -> str:
        """Return what the owner should know of the keys."""
        return keeper.remark(site)

    async def attend(self, site: Site, say: Callable[[str], None]) -> None:
        """Have keys of domains made and moved on, and forwarded mail sealed."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keeper.attend(site, say))
            tasks.create_task(sealer.attend(site, say))
            tasks.create_task(tables.attend(site, say))
            tasks.create_task(signer.attend(site, say))


def _said_of_itself() -> str:
    try:
        finished = subprocess.run(
            ("opendkim", "-V"),
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env=MINIMAL_ENVIRONMENT,
        )
    except FileNotFoundError:
        raise MissingProgram("opendkim is not installed", advice="install opendkim") from None
    return finished.stdout + finished.stderr


async def _check(site: Site, folder: Path, name: str) -> None:
    rendered = (folder / name).read_text()
    with tempfile.NamedTemporaryFile("w", prefix="opendkim.") as candidate:
        # The tables are named where they will be in force; check those that are proposed.
        candidate.write(rendered.replace(str(site.paths.conf), str(folder)))
        candidate.flush()
        finished = await run(("opendkim", "-n", "-x", candidate.name))
    if finished.status != 0:
        words = finished.output.strip().replace(f"opendkim: {candidate.name}: ", "")
        raise _refusal(site, rendered, words)


def _command(site: Site, file: str, log_name: str, *, name: str = "") -> Command:
    argv = ("opendkim", "-f", "-x", str(site.paths.conf / file))
    if os.geteuid() != 0:
        return Command(argv, account=site.account, name=name, stop_timeout_s=_STOP_S)
    log, account = site.paths.run / log_name, site.account
    wrapped = as_account(argv, account.uid, account.gid, account.groups)
    launcher = (sys.executable, "-I", "-S", private_log.__file__, str(log), "--")
    return Command((*launcher, *wrapped), name=name, stop_timeout_s=_STOP_S, syslog=log)


def _refusal(site: Site, rendered: str, words: str) -> ConfigError:
    place = _AT_LINE.search(words)
    found = origin(rendered, int(place[1])) if place else None
    return ConfigError(
        f"OpenDKIM says: {words}",
        file=site.paths.overrides / found[0] if found else None,
        line=found[1] if found else None,
    )
