"""Open relay: would port 25 carry a stranger's mail to somebody else's domain?

Asked by real dialogs without a login. The recipients lie in a domain that cannot exist (RFC 2606),
and no message follows, so nothing is ever sent.
"""

from mailstack.aio.dialog import Dialog, connect
from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding

_GREETING_S = 20.0
"""postscreen lets strangers wait for six."""
_VICTIM, _AT = "doctor", "relay-test.invalid"


def recipients(domain: str, hostname: str) -> tuple[str, ...]:
    """Every way in which relays have been tricked into carrying mail outside."""
    return (
        f"<{_VICTIM}@{_AT}>",
        f"<{_VICTIM}%{_AT}@{domain}>",
        f"<{_VICTIM}%{_AT}@{hostname}>",
        f"<@{domain}:{_VICTIM}@{_AT}>",
        f'<"{_VICTIM}@{_AT}">',
        f'<"{_VICTIM}@{_AT}"@{domain}>',
        f"<{_AT}!{_VICTIM}>",
        f"<{_AT}!{_VICTIM}@{domain}>",
        f"<{_VICTIM}@{_AT}@{domain}>",
    )


async def relay(context: Context) -> Found:
    """Try every recipient, with a sender outside and with one of ours."""
    settings = context.settings
    senders = ("<doctor@sender.invalid>", f"<postmaster@{settings.domain}>", "<>")
    taken: list[str] = []
    tried = 0
    for sender in senders:
        async with connect(context.port("postfix", "smtp"), timeout_s=_GREETING_S) as dialog:
            await _greet(dialog, settings.hostname)
            for recipient in recipients(settings.domain, settings.hostname):
                await dialog.ask("RSET")
                await dialog.ask(f"MAIL FROM:{sender}")
                reply = await dialog.ask(f"RCPT TO:{recipient}")
                if reply.startswith("421"):
                    break
                tried += 1
                taken += [f"{sender} to {recipient}"] if reply.startswith("2") else []
    if not tried:
        return [Finding("unknown", "relay", "port 25 ended each dialog before a question")]
    if not taken:
        return [Finding("ok", "relay", f"none of {tried} tries was taken")]
    return [
        Finding(
            "failure",
            "relay",
            f"port 25 relays without a login: {taken[0]} ({len(taken)} of {tried} tries)",
            "spammers find it within hours, and the server is blocklisted",
            f"remove what opens it (mynetworks, relay_domains, smtpd_*_restrictions) from "
            f"{context.state}/overrides/postfix/main.cf",
        )
    ]


async def _greet(dialog: Dialog, hostname: str) -> None:
    greeting = await dialog.reply()
    if not greeting.startswith("220"):
        raise ConnectionError(f"port 25 says {greeting}")
    await dialog.ask(f"EHLO {hostname}")
