"""The milter that seals what is forwarded (``mailstack.dkim.arc``): started when somebody comes.

The agent has the socket that listens, and nothing else of it; so a milter that is not needed takes
no memory. The probe does not ask it, or it would always be needed.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Final, Never

from mailstack.aio import process, sockets
from mailstack.aio.backoff import Backoff
from mailstack.aio.finish import finish
from mailstack.daemons import program
from mailstack.daemons.contract import Site
from mailstack.topology.model import Endpoint

FILE: Final = "seal.json"
PORT: Final = "opendkim.seal"
_STOP_S: Final = 5.0
_PATIENCE: Final = 5
"""Times that the port may be taken, some three seconds in all, before a word is said."""


def is_wanted(site: Site) -> bool:
    """Whether there is a verdict that may be sealed, and whether it shall be."""
    return site.settings.identity.check and site.settings.identity.seal


def render(site: Site) -> str:
    """Names are those of ``mailstack.dkim.arc.config.Config``."""
    settings = site.settings
    document = {
        "authserv_id": settings.hostname,
        "domain": settings.domain,
        "keys": _address(site.addresses["couchmail.domains"]),
        "resolver": _address(site.addresses["resolver.dns"]),
        "secure": str(site.paths.secure),
        "selector": settings.dkim.selector,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return json.dumps(document, indent=2) + "\n"


async def attend(site: Site, say: Callable[[str], None]) -> Never:
    """Start it for who comes, as often as somebody does; until cancelled."""
    if not is_wanted(site):
        await asyncio.Event().wait()
    listening = await _listen(site.addresses[PORT], say)
    backoff = Backoff()
    with listening:
        while True:
            await _called(listening)
            status = await _serve(site, listening, say)
            if status == 0:
                backoff.reset()
            else:
                say(f"what seals forwarded mail ended with {status}; that mail waits")
                await asyncio.sleep(backoff.next_s())


async def _listen(at: Endpoint, say: Callable[[str], None]) -> socket.socket:
    """Take the port; the one before us, which another configuration ended, may have it still."""
    backoff = Backoff()
    while True:
        try:
            return sockets.listen(at)[0]
        except OSError as error:
            if backoff.failures > _PATIENCE:
                say(f"forwarded mail waits: {at} cannot be had: {error.strerror}")
            await asyncio.sleep(backoff.next_s())


async def _called(listening: socket.socket) -> None:
    """Wait until there is a connection to accept, and leave it there."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listening.fileno(), came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listening.fileno())


async def _serve(site: Site, listening: socket.socket, say: Callable[[str], None]) -> int:
    command = program.command("mailstack.dkim.arc", site.paths.conf / FILE)
    running = await process.start(
        command.argv, on_line=say, env=command.env, stdin=listening.fileno()
    )
    try:
        status = await running.wait()
        await running.sweep()
    except asyncio.CancelledError:
        await finish(running.stop(_STOP_S))
        raise
    return status


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]
