"""Ask Postfix as another server would, up to the point where mail would be accepted.

The recipient is nobody in the primary domain, so the answer is 550 (or 250, where a catch-all takes
everything): either one shows that smtpd, the rewriting service and couchmail's maps work, and that
they can tell. postmaster@ would not do: it goes to the owner, who may not have added that user yet.
No DATA follows: nothing is queued. A greylisting answer shows the same as 250.
"""

from mailstack.aio.dialog import Dialog, connect
from mailstack.daemons.contract import NotReady, ProbeFailed, Site
from mailstack.daemons.postfix.endpoints import EVERYWHERE
from mailstack.daemons.postgrey.text import GREYLISTED
from mailstack.topology.model import LOOPBACK, Endpoint

TIMEOUT_S = 5.0
NOBODY = "mailstack-probe"
"""A user that does not exist."""


async def probe(site: Site) -> None:
    """Raise ProbeFailed, with what was said and what came back, unless recipients are told.

    A temporary answer about the recipient is ``NotReady``.
    """
    listening = site.addresses["postfix.smtp"]
    host = LOOPBACK if listening.host == EVERYWHERE else listening.host
    try:
        async with connect(Endpoint(host, listening.port), timeout_s=TIMEOUT_S) as dialog:
            if site.settings.listen.proxy_networks:
                await dialog.send(proxy_line(host, listening.port))
            await _can_tell(dialog, site.settings.domain)
    except OSError as error:
        raise ProbeFailed(f"SMTP at {listening}: {error!r}") from error


def proxy_line(host: str, port: int) -> str:
    """Introduce a connection of this machine as a load balancer would (PROXY protocol, v1)."""
    family = "TCP6" if ":" in host else "TCP4"
    return f"PROXY {family} {host} {host} {port} {port}"


async def _can_tell(dialog: Dialog, domain: str) -> None:
    _expect("the greeting", await dialog.reply(), "220")
    for command in ("EHLO probe.invalid", "MAIL FROM:<>"):
        _expect(command, await dialog.ask(command), "250")
    command = f"RCPT TO:<{NOBODY}@{domain}>"
    reply = await dialog.ask(command)
    if GREYLISTED not in reply:
        if reply.startswith("4"):
            # It works, and cannot be told now: ended in the middle of a delivery, it would have
            # to deliver that message twice.
            raise NotReady(f"SMTP: {command} was answered {reply!r}")
        _expect(command, reply, "250", "550")
    await dialog.ask("QUIT")


def _expect(command: str, reply: str, *codes: str) -> None:
    if not reply.startswith(codes):
        raise ProbeFailed(f"SMTP: {command} was answered {reply!r}")
