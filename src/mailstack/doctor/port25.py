"""Port 25: do we answer at our public addresses, and does anybody answer us?"""

import asyncio
from ipaddress import ip_address

from mailstack.aio.dialog import connect
from mailstack.dns.ask import ask
from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding
from mailstack.outcome import Found as Told
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

_TIMEOUT_S = 20.0
"""A greeting may take its time: ours waits six seconds by design."""


async def incoming(context: Context) -> Found:
    """Connect to each public address, as far as that can be done from here."""
    if not context.addresses:
        return [
            Finding(
                "unknown",
                "port25.in",
                "the public address of this server is not known",
                fix="set listen.public_addresses",
            )
        ]
    return [await _in(at) for at in context.outside("postfix", "smtp")]


async def _in(at: Endpoint) -> Finding:
    try:
        greeting = await _greeting(at)
    except OSError as error:
        return Finding(
            "unknown",
            "port25.in",
            f"{at} cannot be reached from here ({str(error) or 'no answer in time'})",
            "behind NAT that may be so, or nobody reaches it",
            f"connect to {at} from another network; if that fails, open it in the firewall",
        )
    if greeting.startswith("220"):
        return Finding("ok", "port25.in", f"{at} answers, seen from this machine")
    fix = "see mailstack status"
    return Finding("failure", "port25.in", f"{at} says {greeting}", "mail is not taken", fix)


async def outgoing(context: Context) -> Found:
    """Connect to well-known servers until one answers."""
    reasons = []
    reached = False
    for host in context.settings.doctor.probe_hosts:
        address = await address_of(host, context)
        if address is None:
            reasons.append(f"{host} has no address")
            continue
        reached = True
        try:
            greeting = await _greeting(Endpoint(address, STACK.internet_ports["smtp"]))
        except OSError as error:
            reasons.append(f"{host}: {str(error) or 'no answer in time'}")
            continue
        return [Finding("ok", "port25.out", f"{host} answers {greeting[:40]}")]
    what = "; ".join(reasons) or "doctor.probe_hosts names none"
    if not reached:
        return [Finding("unknown", "port25.out", f"could not ask: {what}")]
    return [
        Finding(
            "failure",
            "port25.out",
            f"no mail server answers: {what}",
            "nothing can be sent; many providers close port 25",
            "ask the provider to open it, or set smtp.relayhost",
        )
    ]


async def address_of(host: str, context: Context) -> str | None:
    """Find an address by the stack's resolver; None when it knows of none or cannot tell."""
    try:
        return str(ip_address(host))
    except ValueError:
        found = await ask(context.resolver, host, "A", recursive=True)
    return found.value.data[0] if isinstance(found, Told) else None


async def _greeting(at: Endpoint) -> str:
    async with asyncio.timeout(_TIMEOUT_S), connect(at, timeout_s=_TIMEOUT_S) as dialog:
        greeting = await dialog.reply()
        await dialog.send("QUIT")
        return greeting
