"""Run Postfix: master in the foreground, its log on standard output."""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from mailstack.daemons import certificate
from mailstack.daemons.contract import Command, Files, Overrides, Site, Version
from mailstack.daemons.postfix import (
    checker,
    installed,
    main_override,
    master_cf,
    master_override,
    probe,
    queue,
    spool,
    tables,
    tls_reports,
)
from mailstack.daemons.postfix.main_cf import main_cf
from mailstack.reports.tls.config import Config as TlsReportsConfig

_RESTART = re.compile(
    r"^(?:inet_interfaces|inet_protocols|queue_directory|data_directory) *=.*$", re.MULTILINE
)
"""What master reads once (postconf(5): "stop and start Postfix when this parameter changes")."""


class Postfix:
    """Receives, queues and sends mail."""

    name = "postfix"
    packages: Sequence[str] = ("postfix", "ca-certificates")
    programs: Sequence[str] = ("postfix", "postconf")
    override_files: Sequence[str] = ("main.cf", "master.cf", "*.cidr", "*.regexp")

    def version(self) -> Version:
        digits = re.match(r"\d+(?:\.\d+)*", installed.default("mail_version"))
        return tuple(map(int, digits[0].split("."))) if digits else ()

    def features(self) -> frozenset[str]:
        return installed.features()

    def prepare(self, site: Site) -> None:
        spool.prepare(site)
        certificate.prepare(site)

    def render(self, site: Site, overrides: Overrides) -> Files:
        folder = site.paths.overrides
        main = main_override.merge(main_cf(site), overrides.get(main_override.NAME, ""), folder)
        master = master_override.merge(
            master_cf.master_cf(site),
            overrides.get(master_override.NAME, ""),
            folder,
            master_cf.inet_services(site),
        )
        told = {tls_reports.FILE: tls_reports.render(site)} if tls_reports.wanted(site) else {}
        return {
            **told,
            main_override.NAME: main,
            master_override.NAME: master,
            "submission_headers": tables.submission_headers(site),
            "postscreen_access": tables.postscreen_access(site),
            **{n: t for n, t in overrides.items() if n.endswith((".cidr", ".regexp"))},
        }

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        del overrides  # their lines are marked in the rendered files
        await checker.check(site, folder)
        if tls_reports.wanted(site):
            TlsReportsConfig.read(folder / tls_reports.FILE)

    def commands(self, site: Site) -> Sequence[Command]:
        argv = (installed.program("master"), "-c", str(site.paths.conf), "-s")
        return (Command(argv, stop_timeout_s=20.0),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        return _listening(old) != _listening(new)

    async def reload(self, site: Site, pid: int) -> None:
        del site
        os.kill(pid, signal.SIGHUP)

    async def attend(self, site: Site, say: Callable[[str], None]) -> None:
        """Count the queue; collect what Postfix tells of TLS, and have it reported."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(queue.watch(site, say))
            tasks.create_task(tls_reports.attend(site, say))

    async def probe(self, site: Site) -> None:
        await probe.probe(site)


def _listening(files: Files) -> list[str]:
    return _RESTART.findall(files[main_override.NAME])
