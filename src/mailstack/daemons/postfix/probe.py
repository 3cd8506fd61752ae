"""Ask Postfix as another server would, up to the point where mail would be accepted.

The recipient is postmaster@ of the primary domain, which always exists (RFC 5321 4.5.1), so the
answer shows that smtpd, the rewriting service and couchmail's maps work. No DATA follows: nothing
is queued. A greylisting answer shows the same; its triplet is one and the same each time.
"""

from mailstack.aio.dialog import Dialog, connect
from mailstack.daemons.contract import ProbeFailed, Site
from mailstack.daemons.postfix.endpoints import EVERYWHERE
from mailstack.daemons.postgrey.text import GREYLISTED
from mailstack.topology.model import LOOPBACK, Endpoint

TIMEOUT_S = 5.0


async def probe(site: Site) -> None:
    """Raise ProbeFailed, with what was said and what came back, unless mail would be accepted."""
    listening = site.addresses["postfix.smtp"]
    host = LOOPBACK if listening.host == EVERYWHERE else listening.host
    try:
        async with connect(Endpoint(host, listening.port), timeout_s=TIMEOUT_S) as dialog:
            await _would_accept(dialog, site.settings.domain)
    except OSError as error:
        raise ProbeFailed(f"SMTP at {listening}: {error!r}") from error


async def _would_accept(dialog: Dialog, domain: str) -> None:
    _expect("the greeting", await dialog.reply(), "220")
    for command in ("EHLO probe.invalid", "MAIL FROM:<>"):
        _expect(command, await dialog.ask(command), "250")
    command = f"RCPT TO:<postmaster@{domain}>"
    reply = await dialog.ask(command)
    if GREYLISTED not in reply:
        _expect(command, reply, "250")
    await dialog.ask("QUIT")


def _expect(command: str, reply: str, code: str) -> None:
    if not reply.startswith(code):
        raise ProbeFailed(f"SMTP: {command} was answered {reply!r}")
