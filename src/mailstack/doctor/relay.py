"""Open relay: would port 25 carry a stranger's mail to somebody else's domain?

Asked by real dialogs without a login. The recipients lie in a domain that cannot exist (RFC 2606),
and no message follows, so nothing is ever sent.

Postfix looks at the sender before it looks whether to relay (postconf(5), smtpd_delay_reject). A
sender that is refused therefore says nothing about relaying, and would hide an open relay. So some
senders are of the kind that must be taken, and with each a recipient of ours is tried first: that
tells whether recipients are looked at. Those that should be refused are tried too, since a rule
that trusts them is what opens many relays.
"""

import asyncio
from dataclasses import dataclass, field

from mailstack.aio.dialog import Dialog
from mailstack.doctor.context import Context, Found
from mailstack.doctor.door import Door, door
from mailstack.findings import Finding
from mailstack.settings import Settings

_VICTIM, _AT = "doctor", "relay-test.invalid"
_PLAIN = f"<{_VICTIM}@{_AT}>"
_GREYLISTED = "reylist"
_UNKNOWN_RECIPIENT = " 5.1.1 "


@dataclass(slots=True)
class Tries:
    """What came of them."""

    made: int = 0
    heard: int = 0
    """Senders that were not refused, so that the recipient decided."""
    taken: list[str] = field(default_factory=list)


def recipients(domain: str, hostname: str) -> tuple[str, ...]:
    """Every way in which relays have been tricked into carrying mail outside."""
    return (
        _PLAIN,
        f"<{_VICTIM}%{_AT}@{domain}>",
        f"<{_VICTIM}%{_AT}@{hostname}>",
        f'<"{_VICTIM}%{_AT}"@{domain}>',
        f"<@{domain}:{_VICTIM}@{_AT}>",
        f"<@{hostname}:{_VICTIM}@{_AT}>",
        f'<"{_VICTIM}@{_AT}">',
        f'<"{_VICTIM}@{_AT}"@{domain}>',
        f"<{_AT}!{_VICTIM}>",
        f"<{_AT}!{_VICTIM}@{domain}>",
        f"<{_VICTIM}@{_AT}@{domain}>",
    )


def senders(settings: Settings) -> tuple[str, ...]:
    """Name senders that must be taken (a bounce's, one whose domain exists), then all others."""
    existing = (f"<postmaster@{host}>" for host in settings.doctor.probe_hosts[:1])
    return ("<>", *existing, "<doctor@sender.invalid>", f"<postmaster@{settings.domain}>")


async def relay(context: Context) -> Found:
    """Try every recipient with every sender, side by side: Postfix takes a second for each no."""
    settings, tries = context.settings, Tries()
    entrance = await door(context)
    names = settings.domain, settings.hostname
    await asyncio.gather(*(attempt(entrance, one, *names, tries) for one in senders(settings)))
    return [judge(tries, entrance, context.overrides("postfix"))]


async def attempt(entrance: Door, sender: str, domain: str, hostname: str, tries: Tries) -> None:
    """Try every recipient with one sender, in one dialog."""
    async with entrance.opened() as (dialog, greeting):
        await _greet(dialog, greeting, hostname)
        ours = await _recipient(dialog, sender, f"<postmaster@{domain}>")
        tries.heard += _is_looked_at(ours)
        for recipient in recipients(domain, hostname):
            reply = await _recipient(dialog, sender, recipient)
            if reply.startswith("421"):
                return
            tries.made += 1
            if _is_taken(recipient, reply):
                tries.taken.append(f"{sender} to {recipient}")
        await dialog.send("QUIT")


def judge(tries: Tries, entrance: Door, overrides: str) -> Finding:
    """Say what the tries mean. ``overrides``: the folder of the owner's lines for Postfix."""
    if tries.taken:
        return Finding(
            "failure",
            "relay",
            f"port 25 relays without a login: {tries.taken[0]} "
            f"({len(tries.taken)} of {tries.made} tries, asked at {entrance})",
            "spammers find it within hours, and the server is blocklisted",
            f"remove what opens it (mynetworks, relay_domains, smtpd_*_restrictions) from "
            f"{overrides}/main.cf",
        )
    if not tries.made:
        return Finding("unknown", "relay", "port 25 ended each dialog before a question")
    if not tries.heard:
        what = "every sender was refused before it came to relaying"
        fix = "see log/postfix.log for the reason, mend it, and ask again"
        return Finding("unknown", "relay", what, fix=fix)
    return Finding("ok", "relay", f"none of {tries.made} tries was taken, asked at {entrance}")


def _is_looked_at(reply: str) -> bool:
    """Whether a recipient of ours decided: taken, put off by greylisting, or not a user."""
    return reply.startswith("2") or _GREYLISTED in reply or _UNKNOWN_RECIPIENT in reply


def _is_taken(recipient: str, reply: str) -> bool:
    # What is not ours to relay is refused before greylisting; of the other forms some are ours.
    return reply.startswith("2") or (recipient == _PLAIN and _GREYLISTED in reply)


async def _recipient(dialog: Dialog, sender: str, recipient: str) -> str:
    await dialog.ask("RSET")
    await dialog.ask(f"MAIL FROM:{sender}")
    return await dialog.ask(f"RCPT TO:{recipient}")


async def _greet(dialog: Dialog, greeting: str, hostname: str) -> None:
    if not greeting.startswith("220"):
        raise ConnectionError(f"port 25 says {greeting}")
    await dialog.ask(f"EHLO {hostname}")
