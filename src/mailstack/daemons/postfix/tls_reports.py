"""Reports about TLS (``mailstack.reports.tls``), as Postfix's agent collects and sends them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailstack.daemons import program
from mailstack.daemons.accounts import account
from mailstack.daemons.contract import Site
from mailstack.daemons.postfix import installed
from mailstack.daemons.postfix.spool import OWNER
from mailstack.daemons.postfix.tls import REPORT_SOCKET
from mailstack.reports.tls.attend import Attendant, Place
from mailstack.topology.model import Endpoint

FILE: Final = "tls-reports.json"
NUMBERS: Final = "tls-reports.prom"
"""In STATE/run, beside the supervisor's own, for node_exporter's textfile collector."""


def wanted(site: Site) -> bool:
    """Whether Postfix is to tell us, and no collector of the owner."""
    settings = site.settings
    return (
        installed.TLSRPT in site.features
        and settings.reports.send_tls
        and not settings.tls_policy.report
    )


def render(site: Site) -> str:
    """What a pass is told. Names are those of ``mailstack.reports.tls.config.Config``."""
    settings = site.settings
    document = {
        "folder": str(_socket(site).parent),
        "resolver": _address(site.addresses["resolver.dns"]),
        "postfix": _address(program.reachable(site.addresses["postfix.reinject"])),
        "ca_file": settings.tls_policy.ca_file,
        "hostname": settings.hostname,
        "domain": settings.domain,
        "account": OWNER,
    }
    return json.dumps(document, indent=2) + "\n"


async def attend(site: Site, say: Callable[[str], None]) -> None:
    """Collect and send until cancelled."""
    if not wanted(site):
        await asyncio.Event().wait()
    owner, socket = account(OWNER), _socket(site)
    place = Place(
        config=site.paths.conf / FILE,
        folder=socket.parent,
        socket=socket,
        uid=owner.uid,
        gid=owner.gid,
        numbers=site.paths.run.parent / NUMBERS,
    )
    await Attendant(place, say).run()


def _socket(site: Site) -> Path:
    return site.paths.data / "spool" / REPORT_SOCKET


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]
