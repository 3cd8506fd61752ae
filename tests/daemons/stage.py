"""Puts one daemon on stage: a state folder, a site, a checked configuration, its processes."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests import folder as folders

from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.aio.syslog import Syslog
from mailstack.daemons.accounts import account
from mailstack.daemons.contract import (
    Command,
    Daemon,
    Overrides,
    Paths,
    ProbeFailed,
    Site,
    features_of,
)
from mailstack.settings import Settings
from mailstack.topology.addresses import one_machine, resolver_host
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

EXAMPLE = {"domain": "example.org", "email": "owner@example.org"}


def state_folder() -> AbstractContextManager[Path]:
    """A short path that unprivileged daemons may enter."""
    return folders.state_folder("ms-")


def site_for(
    daemon: Daemon,
    state: Path,
    *,
    offset: int,
    settings: Settings | None = None,
    addresses: Mapping[str, Endpoint] | None = None,
) -> Site:
    """The site of ``daemon`` on one machine, with some addresses replaced."""
    service = STACK.service(daemon.name)
    declared = one_machine(STACK, daemon.name, public_host="127.0.0.1", offset=offset)
    return Site(
        settings=settings or Settings.model_validate(EXAMPLE),
        addresses={**declared, **(addresses or {})},
        paths=Paths(state, daemon.name),
        version=daemon.version(),
        account=account(service.account),
        resolver=resolver_host(offset),
        ipv6=False,
        features=features_of(daemon),
    )


def make_certificate(state: Path) -> None:
    """A self-signed certificate, where every daemon looks for it."""
    folder = state / "secure" / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    (state / "secure").chmod(0o711)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=mail.example.org"),
            *("-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"),
        ],
        check=True,
        capture_output=True,
    )


async def commit(daemon: Daemon, site: Site, overrides: Overrides | None = None) -> None:
    """Render, check and put in force, as the agent does."""
    overrides = overrides or {}
    conf = site.paths.conf
    number = len(list(conf.parent.glob("*"))) if conf.parent.exists() else 0
    folder = conf.parent / f"{number:04}"
    for name, text in daemon.render(site, overrides).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    await daemon.check(site, folder, overrides)
    link = conf.parent / "next"
    link.symlink_to(folder.name)
    link.rename(conf)


@dataclass(slots=True)
class Running:
    """The processes of one daemon. ``output`` fills while it runs."""

    daemon: Daemon
    site: Site
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    syslogs: list[Syslog] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.processes[0].pid

    def said(self, words: str) -> bool:
        return any(words in line for line in self.output)

    def count(self, words: str) -> int:
        """How often it has printed ``words``."""
        return sum(words in line for line in self.output)

    async def says(self, words: str, timeout_s: float = 60) -> None:
        """Wait until it has printed ``words``."""
        async with asyncio.timeout(timeout_s):
            while not self.said(words):  # noqa: ASYNC110 - another process says it
                await asyncio.sleep(0.02)

    async def healthy(self, timeout_s: float = 60) -> None:
        """Wait until the probe passes."""
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    return await self.daemon.probe(self.site)
                except ProbeFailed as error:
                    if self.processes[0].returncode is not None:
                        raise AssertionError("\n".join(self.output)) from error
                    await asyncio.sleep(0.05)


@asynccontextmanager
async def running(
    daemon: Daemon, site: Site, overrides: Overrides | None = None
) -> AsyncIterator[Running]:
    """Prepare, commit, start, wait for health; stop at the end of the block."""
    daemon.prepare(site)
    await commit(daemon, site, overrides)
    stage = Running(daemon, site)
    async with asyncio.TaskGroup() as tasks:
        try:
            for command in daemon.commands(site):
                if command.syslog is not None:
                    stage.syslogs.append(Syslog.listen(command.syslog, stage.output.append))
                process = await start(command)
                stage.processes.append(process)
                tasks.create_task(_collect(process, stage.output))
            await stage.healthy()
            yield stage
        finally:
            timeouts = [command.stop_timeout_s for command in daemon.commands(site)]
            await asyncio.gather(*map(stop, stage.processes, timeouts))
            for syslog in stage.syslogs:
                syslog.close()


async def start(command: Command) -> asyncio.subprocess.Process:
    """Run one process as its account, its output on a pipe."""
    return await asyncio.create_subprocess_exec(
        *command.argv,
        stdin=subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**MINIMAL_ENVIRONMENT, **command.env},
        start_new_session=True,
        user=command.account.uid,
        group=command.account.gid,
        extra_groups=list(command.account.groups),
    )


async def _collect(process: asyncio.subprocess.Process, output: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        output.append(line.decode("utf-8", "replace").rstrip())


NOTHING_TO_LOSE_S = 1.0
"""What says so of its stop is killed after that, as its agent does; others may take a minute."""


async def stop(process: asyncio.subprocess.Process, timeout_s: float = 10.0) -> None:
    """SIGTERM, then SIGKILL to what is left of its group."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(timeout_s if timeout_s <= NOTHING_TO_LOSE_S else 60):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
