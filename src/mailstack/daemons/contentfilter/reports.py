"""The passes over reports (``mailstack.reports``), as the agent of the content filter runs them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailstack.aio.files import replace_text
from mailstack.daemons.contract import Site
from mailstack.reports.attend import Attendant
from mailstack.reports.config import INCOMING
from mailstack.topology.model import Endpoint

FILE: Final = "reports.json"
NUMBERS: Final = "reports.prom"
"""In STATE/run, beside the supervisor's own, for node_exporter's textfile collector."""


def folder(site: Site) -> Path:
    """Where all of it is kept: on the volume that the filter has anyway."""
    return site.paths.data / "usage" / "reports"


def incoming(site: Site) -> Path:
    """Where copies of messages wait that may be reports about us."""
    return folder(site) / INCOMING


def wanted(site: Site) -> bool:
    """Whether there is anything to do at all."""
    return site.settings.reports.send_dmarc or site.settings.reports.receive


def render(site: Site) -> str:
    """What a pass is told. Names are those of ``mailstack.reports.config.Config``."""
    settings = site.settings
    document = {
        "folder": str(folder(site)),
        "resolver": _address(site.addresses["resolver.dns"]),
        "postfix": _address(site.addresses["postfix.reinject"]),
        "api": _address(site.addresses["couchmail.api"]),
        "token_file": str(site.paths.secure / "api.token"),
        "hostname": settings.hostname,
        "domain": settings.domain,
        "send": settings.reports.send_dmarc,
        "keep_days": settings.reports.keep_days,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return json.dumps(document, indent=2) + "\n"


async def attend(site: Site, say: Callable[[str], None]) -> None:
    """Watch for what is to be done, until cancelled."""
    if not wanted(site):
        await asyncio.Event().wait()

    def tell(numbers: str) -> None:
        try:
            replace_text(site.paths.run.parent / NUMBERS, numbers)
        except OSError as error:
            say(f"numbers of reports cannot be written: {error}")

    await Attendant(site.paths.conf / FILE, folder(site), say, tell).run()


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]
