"""How the filter is checked, started, told to read its file anew, and probed."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from mailstack.aio.dialog import connect
from mailstack.contentfilter.config import Config
from mailstack.daemons import program
from mailstack.daemons.contentfilter import reports
from mailstack.daemons.contentfilter.render import FILE, render
from mailstack.daemons.contract import (
    Command,
    Files,
    Overrides,
    ProbeFailed,
    Site,
    Version,
)
from mailstack.reports.config import Config as ReportsConfig
from mailstack.topology.model import Endpoint

NEEDS_RESTART: Final = frozenset(
    {"listen", "http", "policy", "usage", "reports", "uid", "gid", "groups"}
    | {"couchmail", "aliases", "milter", "reject_score", "token_file", "delimiter"}
)
"""What cannot change in a running process: its ports, its account, what it keeps and follows."""
STOP_TIMEOUT_S: Final = 30.0
"""Above the filter's own 20 s for the transactions under way."""


class Contentfilter:
    """The filter, by the contract of all daemons."""

    name = "contentfilter"
    packages: Sequence[str] = ()
    programs: Sequence[str] = ()
    override_files: Sequence[str] = ()

    def version(self) -> Version:
        """It is of our own release."""
        return program.VERSION

    def prepare(self, site: Site) -> None:
        """Make the folders; only the filter may look into them."""
        for folder in (
            site.paths.run / "spool",
            site.paths.data / "usage",
            reports.folder(site),
            reports.incoming(site),
        ):
            program.own_folder(folder, site.account)

    def render(self, site: Site, overrides: Overrides) -> Files:
        """Overrides are none: everything it does is a setting."""
        del overrides
        return render(site)

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Read the file as the program will."""
        del site, overrides
        Config.read(folder / FILE)
        ReportsConfig.read(folder / reports.FILE)

    def commands(self, site: Site) -> Sequence[Command]:
        config = site.paths.conf / FILE
        return [program.command("mailstack.contentfilter", config, stop_timeout_s=STOP_TIMEOUT_S)]

    def restart_needed(self, old: Files, new: Files) -> bool:
        before, after = json.loads(old[FILE]), json.loads(new[FILE])
        return any(before.get(name) != after.get(name) for name in NEEDS_RESTART)

    async def reload(self, site: Site, pid: int) -> None:
        """Transactions under way end by the old file, the next begin by the new one."""
        del site
        os.kill(pid, signal.SIGHUP)

    async def attend(self, site: Site, say: Callable[[str], None]) -> None:
        """Have reports counted, sent and read, beside the filter."""
        await reports.attend(site, say)

    async def probe(self, site: Site) -> None:
        """Say LHLO and NOOP as Postfix would, and ask whether it is ready."""
        lmtp = program.reachable(site.addresses["contentfilter.lmtp"])
        try:
            await _probe_lmtp(lmtp)
        except OSError as error:
            raise ProbeFailed(f"the filter at {lmtp} does not answer: {error!r}") from error
        await program.ask_ready(site.addresses["contentfilter.http"])


async def _probe_lmtp(endpoint: Endpoint) -> None:
    async with connect(endpoint, timeout_s=program.PROBE_TIMEOUT_S) as dialog:
        answers = [await dialog.reply()]
        answers += [await dialog.ask(command) for command in ("LHLO probe", "NOOP", "QUIT")]
    for answer, code in zip(answers, ("220", "250", "250", "221"), strict=True):
        if not answer.startswith(code):
            raise ProbeFailed(f"the filter's LMTP answers {answer!r}")
