"""How the filter is checked, started, told to read its file anew, and probed."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailstack.aio.dialog import connect
from mailstack.contentfilter.config import Config
from mailstack.daemons import program
from mailstack.daemons.contentfilter import reports
from mailstack.daemons.contentfilter.render import render
from mailstack.daemons.contract import Overrides, ProbeFailed, Site
from mailstack.reports.config import Config as ReportsConfig
from mailstack.topology.model import Endpoint

NEEDS_RESTART: Final = frozenset(
    {"listen", "http", "policy", "usage", "reports", "uid", "gid", "groups"}
    | {"couchmail", "aliases", "milter", "reject_score", "token_file", "delimiter"}
)
"""What cannot change in a running process: its ports, its account, what it keeps and follows."""
STOP_TIMEOUT_S: Final = 30.0
"""Above the filter's own 20 s for the transactions under way."""


class Contentfilter(program.OwnProgram):
    """The filter, by the contract of all daemons."""

    name = "contentfilter"
    config = Config
    files = staticmethod(render)
    needs_restart = NEEDS_RESTART
    stop_timeout_s = STOP_TIMEOUT_S

    def prepare(self, site: Site) -> None:
        """Make the folders; only the filter may look into them."""
        for folder in (
            site.paths.run / "spool",
            site.paths.data / "usage",
            reports.folder(site),
            reports.incoming(site),
        ):
            program.own_folder(folder, site.account)

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Read both files as the programs will."""
        await super().check(site, folder, overrides)
        ReportsConfig.read(folder / reports.FILE)

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
