"""Ask couchmail what Postfix asks it, and whether its store answers."""

import asyncio

from mailstack.aio.dialog import connect
from mailstack.daemons.contract import ProbeFailed, Site
from mailstack.protocols import netstring
from mailstack.topology.model import LOOPBACK, Endpoint

TIMEOUT_S = 3.0


async def probe(site: Site) -> None:
    """Look up the primary domain by socketmap, then ask ``/readyz``.

    Raises:
        ProbeFailed: no answer, or one that says that there is none now.
    """
    await _lookup(_reachable(site, "domains"), site.settings.domain)
    await _ready(_reachable(site, "api"))


async def _lookup(peer: Endpoint, domain: str) -> None:
    question = netstring.encode(f"domains {domain}".encode())
    try:
        async with connect(peer, timeout_s=TIMEOUT_S) as dialog:
            await dialog.send_raw(question)
            async with asyncio.timeout(TIMEOUT_S):
                answer = await dialog.reader.readuntil(b",")
    except (OSError, EOFError) as error:
        raise ProbeFailed(f"no answer to a lookup at {peer}: {error!r}") from error
    if b":OK " not in answer and b":NOTFOUND " not in answer:
        raise ProbeFailed(f"the lookup of {domain} at {peer} answered {answer.decode()!r}")


async def _ready(peer: Endpoint) -> None:
    try:
        async with connect(peer, timeout_s=TIMEOUT_S) as dialog:
            await dialog.send_raw(b"GET /readyz HTTP/1.1\r\nHost: couchmail\r\n\r\n")
            status = await dialog.line()
    except OSError as error:
        raise ProbeFailed(f"no answer from http://{peer}/readyz: {error!r}") from error
    if " 200 " not in f"{status} ":
        raise ProbeFailed(f"http://{peer}/readyz answered {status!r}")


def _reachable(site: Site, port: str) -> Endpoint:
    own = site.addresses[f"couchmail.{port}"]
    return Endpoint(LOOPBACK, own.port) if own.host == "all" else own
