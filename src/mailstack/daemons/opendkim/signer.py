"""The milter that signs with Ed25519 where OpenDKIM cannot (``mailstack.dkim.signing``)."""

import asyncio
from collections.abc import Callable
from typing import Final, Never

from mailstack.daemons import program
from mailstack.daemons.contract import Site
from mailstack.daemons.opendkim import conf
from mailstack.daemons.opendkim.on_call import Milter

FILE: Final = "signing.json"
_MILTER: Final = Milter(
    "mailstack.dkim.signing", FILE, conf.ED25519_PORT, "signs with Ed25519", "mail of users"
)


def is_wanted(site: Site) -> bool:
    """Whether Postfix asks for that signature, and there is no second OpenDKIM to make it."""
    return "ed25519" in site.settings.dkim.algorithms and not conf.has_ed25519(site)


def render(site: Site) -> str:
    """Names are those of ``mailstack.dkim.signing.config.Config``."""
    fields = {
        "keys": site.addresses["couchmail.domains"],
        "secure": site.paths.secure,
        "daemon_name": conf.ORIGINATING,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return program.json_file(FILE, fields)[FILE]


async def attend(site: Site, say: Callable[[str], None]) -> Never:
    """Run it while it is needed, until cancelled."""
    if not is_wanted(site):
        await asyncio.Event().wait()
    await _MILTER.attend(site, say)
