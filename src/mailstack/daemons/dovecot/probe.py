"""Uses Dovecot as its clients do: an IMAP client, the content filter, Postfix."""

import os

from mailstack.aio.dialog import Dialog, connect
from mailstack.daemons.contract import ProbeFailed, Site
from mailstack.topology.model import LOOPBACK, Endpoint


async def probe(site: Site) -> None:
    """Greet over IMAP, LMTP and SASL.

    Raises:
        ProbeFailed: one of them does not answer as it should.
    """
    await _imap(_own(site, "imap"))
    await _lmtp(_own(site, "lmtp"))
    await _sasl(_own(site, "sasl"))


def _own(site: Site, port: str) -> Endpoint:
    """Where a client on this machine connects."""
    endpoint = site.addresses[f"dovecot.{port}"]
    return Endpoint(LOOPBACK, endpoint.port) if endpoint.host == "all" else endpoint


async def _imap(endpoint: Endpoint) -> None:
    try:
        async with connect(endpoint) as dialog:
            await _expect(dialog, "* OK", "IMAP greeting")
            await dialog.send("a CAPABILITY")
            await _expect(dialog, "* CAPABILITY IMAP4rev1", "IMAP CAPABILITY")
            await _expect(dialog, "a OK", "IMAP CAPABILITY")
            await dialog.send("b LOGOUT")
    except OSError as error:
        raise ProbeFailed(f"IMAP at {endpoint}: {error}") from error


async def _lmtp(endpoint: Endpoint) -> None:
    try:
        async with connect(endpoint) as dialog:
            await _expect(dialog, "220 ", "LMTP greeting")
            await dialog.ask("LHLO probe")
            await dialog.ask("QUIT")
    except OSError as error:
        raise ProbeFailed(f"LMTP at {endpoint}: {error}") from error


async def _sasl(endpoint: Endpoint) -> None:
    """Shake hands as Postfix does; the server's half lists PLAIN and ends with DONE."""
    try:
        async with connect(endpoint) as dialog:
            await dialog.send_raw(f"VERSION\t1\t1\nCPID\t{os.getpid()}\n".encode())
            lines = [await dialog.line()]
            while lines[-1] != "DONE" and len(lines) < 32:  # noqa: PLR2004 - it sends about ten
                lines.append(await dialog.line())
    except OSError as error:
        raise ProbeFailed(f"SASL at {endpoint}: {error}") from error
    if not any(line.startswith("MECH\tPLAIN") for line in lines):
        raise ProbeFailed(f"SASL at {endpoint} does not offer PLAIN")


async def _expect(dialog: Dialog, prefix: str, what: str) -> None:
    line = await dialog.line()
    if not line.startswith(prefix):
        raise ProbeFailed(f"{what}: {line!r} instead of {prefix!r}")
