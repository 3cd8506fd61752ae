"""Ask couchmail what Postfix asks it, and whether its store answers."""

import asyncio
import json

from mailstack.aio.dialog import Dialog, connect
from mailstack.daemons import program
from mailstack.daemons.contract import NotReady, ProbeFailed, Site
from mailstack.protocols import netstring
from mailstack.topology.model import Endpoint

TIMEOUT_S = 3.0
MAX_ANSWER = 8192


async def probe(site: Site) -> None:
    """Ask ``/readyz``, which knows best what is wrong; then look up a domain by socketmap.

    Raises:
        NotReady: it answers that its store does not.
        ProbeFailed: no answer.
    """
    await _ready(program.reachable(site.addresses["couchmail.api"]))
    await _lookup(program.reachable(site.addresses["couchmail.domains"]), site.settings.domain)


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
        raise NotReady(f"the lookup of {domain} at {peer} answered {answer.decode()!r}")


async def _ready(peer: Endpoint) -> None:
    try:
        async with connect(peer, timeout_s=TIMEOUT_S) as dialog:
            await dialog.send_raw(
                b"GET /readyz HTTP/1.1\r\nHost: couchmail\r\nConnection: close\r\n\r\n"
            )
            status = await dialog.line()
            ready = " 200 " in f"{status} "
            rest = b"" if ready else await _rest(dialog)
    except OSError as error:
        raise ProbeFailed(f"no answer from http://{peer}/readyz: {error!r}") from error
    if not ready:
        raise NotReady(_detail(rest) or f"http://{peer}/readyz answered {status!r}")


async def _rest(dialog: Dialog) -> bytes:
    found = b""
    async with asyncio.timeout(TIMEOUT_S):
        while len(found) < MAX_ANSWER and (more := await dialog.reader.read(MAX_ANSWER)):
            found += more
    return found


def _detail(answer: bytes) -> str:
    """The sentence of a problem (RFC 9457), if that is what it is."""
    try:
        return str(json.loads(answer.partition(b"\r\n\r\n")[2])["detail"])
    except (ValueError, KeyError, TypeError):
        return ""
