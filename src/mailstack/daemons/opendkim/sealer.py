"""The milter that seals what is forwarded (``mailstack.dkim.arc``)."""

import asyncio
from collections.abc import Callable
from typing import Final, Never

from mailstack.daemons import program
from mailstack.daemons.contract import Site
from mailstack.daemons.opendkim.on_call import Milter

FILE: Final = "seal.json"
PORT: Final = "opendkim.seal"
_MILTER: Final = Milter("mailstack.dkim.arc", FILE, PORT, "seals forwarded mail", "forwarded mail")


def is_wanted(site: Site) -> bool:
    """Whether there is a verdict that may be sealed, and whether it shall be."""
    return site.settings.identity.check and site.settings.identity.seal


def render(site: Site) -> str:
    """Names are those of ``mailstack.dkim.arc.config.Config``."""
    settings = site.settings
    fields = {
        "authserv_id": settings.hostname,
        "domain": settings.domain,
        "keys": site.addresses["couchmail.domains"],
        "resolver": site.addresses["resolver.dns"],
        "secure": site.paths.secure,
        "selector": settings.dkim.selector,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return program.json_file(FILE, fields)[FILE]


async def attend(site: Site, say: Callable[[str], None]) -> Never:
    """Run it while it is needed, until cancelled."""
    if not is_wanted(site):
        await asyncio.Event().wait()
    await _MILTER.attend(site, say)
