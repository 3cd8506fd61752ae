"""Names: reverse name and HELO agree, no blocklist has us, the resolver validates, DNS is right."""

import asyncio
from ipaddress import ip_address, ip_network

import dns.reversename

from mailstack.dns.ask import ask
from mailstack.dns.check import Place, check
from mailstack.dns.facts import facts
from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding
from mailstack.outcome import Found as Told
from mailstack.outcome import NotFound, Unavailable

_ERRORS = ip_network("127.255.255.0/24")
"""What Spamhaus answers to whom it does not serve: nobody is listed by it."""
_BOGUS, _SIGNED = "dnssec-failed.org", "org"
_NO_ADDRESS = "the public address of this server is not known"


async def reverse(context: Context) -> Found:
    """Whether each address has the server's name, and the name has the address."""
    if not context.addresses:
        return [Finding("unknown", "reverse", _NO_ADDRESS, fix="set listen.public_addresses")]
    return [await _reverse(address, context) for address in context.addresses]


async def _reverse(address: str, context: Context) -> Finding:
    hostname = context.settings.hostname
    pointer = str(dns.reversename.from_address(address))
    found = await ask(context.resolver, pointer, "PTR", recursive=True)
    if isinstance(found, Unavailable):
        return Finding("unknown", "reverse", f"{address}: could not ask: {found.reason}")
    names = [n.rstrip(".") for n in found.value.data] if isinstance(found, Told) else []
    if names != [hostname]:
        return _wrong(address, hostname, ", ".join(names) or "no name")
    kind = "AAAA" if ip_address(address).version == 6 else "A"  # noqa: PLR2004
    back = await ask(context.resolver, hostname, kind, recursive=True)
    if isinstance(back, Unavailable):
        return Finding("unknown", "reverse", f"{hostname}: could not ask: {back.reason}")
    if isinstance(back, NotFound) or address not in back.value.data:
        return Finding(
            "failure",
            "reverse",
            f"{hostname} does not have the address {address}",
            "many servers refuse our mail",
            f"publish: {hostname}. {kind} {address}",
        )
    return Finding("ok", "reverse", f"{address} is {hostname}, and back")


def _wrong(address: str, hostname: str, seen: str) -> Finding:
    return Finding(
        "failure",
        "reverse",
        f"{address} is called {seen}, not {hostname}",
        "many servers refuse our mail",
        f"whoever gave you {address} sets its reverse name (PTR): {hostname}",
    )


async def blocklists(context: Context) -> Found:
    """Look each address up in each list."""
    settings = context.settings
    sites = settings.doctor.dnsbls or settings.smtp.dnsbl_sites
    lists = [site.partition("=")[0].partition("*")[0] for site in sites]
    if not context.addresses:
        return [Finding("unknown", "blocklist", _NO_ADDRESS, fix="set listen.public_addresses")]
    asked = (_listed(address, one, context) for address in context.addresses for one in lists)
    return list(await asyncio.gather(*asked))


async def _listed(address: str, site: str, context: Context) -> Finding:
    reversed_ = dns.reversename.from_address(address).labels[:-3]
    name = ".".join(label.decode() for label in reversed_) + f".{site}"
    found = await ask(context.resolver, name, "A", recursive=True)
    match found:
        case NotFound():
            return Finding("ok", "blocklist", f"{address} is not on {site}")
        case Unavailable(reason):
            return Finding("unknown", "blocklist", f"{site}: could not ask: {reason}")
        case Told(answer):
            return _entry(address, site, answer.data)


def _entry(address: str, site: str, codes: tuple[str, ...]) -> Finding:
    if any(ip_address(code) in _ERRORS for code in codes):
        what = f"{site} does not serve our resolver ({codes[0]})"
        fix = "let the resolver ask for itself: empty dns.forward"
        return Finding("unknown", "blocklist", what, fix=fix)
    return Finding(
        "failure",
        "blocklist",
        f"{address} is on {site} ({', '.join(codes)})",
        "those who use the list refuse our mail",
        f"find out why at the list's site, end it, then ask {site} for removal",
    )


async def dnssec(context: Context) -> Found:
    """Whether the resolver refuses what is signed wrongly, and vouches for what is right."""
    if not context.settings.dns.dnssec:
        return [Finding("unknown", "dnssec", "not asked: dns.dnssec is false")]
    good = await ask(context.resolver, _SIGNED, "SOA", recursive=True)
    if not isinstance(good, Told):
        return [Finding("unknown", "dnssec", "could not ask: the root zone is out of reach")]
    bogus = await ask(context.resolver, _BOGUS, "A", recursive=True)
    if good.value.validated and not isinstance(bogus, Told):
        return [Finding("ok", "dnssec", "the resolver validates")]
    return [
        Finding(
            "failure",
            "dnssec",
            "the resolver does not validate",
            "DANE protects no outgoing mail",
            "empty dns.forward, or forward to a server that hands signatures on",
        )
    ]


async def domains(context: Context) -> Found:
    """Check the records of every hosted domain."""
    client = context.api
    listed = await asyncio.to_thread(client.call, "GET", "domains", query={"limit": "200"})
    found: Found = []
    for item in listed.fields["items"]:
        name = item["name"]
        keys = await asyncio.to_thread(client.call, "GET", "domains", name, "dkim")
        known = facts(context.settings, context.state, keys.fields["items"], offline=True)
        found += await check(name, known, Place(context.resolver))
    return found
