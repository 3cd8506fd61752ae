"""Which families of addresses the server's name has, and which it should: IPv4, IPv6, both."""

from collections.abc import Sequence
from typing import Final

from mailstack.dns.ask import ask
from mailstack.dns.records import Facts, holds
from mailstack.findings import Finding
from mailstack.outcome import Found
from mailstack.topology.model import Endpoint

_KINDS: Final = {"A": "IPv4", "AAAA": "IPv6"}


async def check_families(domain: str, facts: Facts, resolver: Endpoint) -> Sequence[Finding]:
    """Look for addresses of a family that the server has not. What it has is looked at by record.

    Only where the addresses are known, and by the domain that publishes them.
    """
    if not facts.addresses or not holds(domain, facts.hostname):
        return ()
    have = {"AAAA" if ":" in address else "A" for address in facts.addresses}
    found = [
        finding
        for kind in _KINDS
        if kind not in have and (finding := await _stray(facts.hostname, kind, resolver))
    ]
    return [*found, *([] if "A" in have else [_only_ipv6(facts)])]


async def _stray(host: str, kind: str, resolver: Endpoint) -> Finding | None:
    seen = await ask(resolver, host, kind, recursive=True)
    if not isinstance(seen, Found):
        return None
    told = ", ".join(seen.value.data)
    return Finding(
        "failure",
        f"dns.{kind.lower()}",
        f"{host} {kind}: is {told}, and this server has no address of {_KINDS[kind]}",
        f"servers that prefer {_KINDS[kind]} do not reach it, or another machine",
        f"remove it, or name the address in listen.public_addresses: {host}. {kind} {told}",
    )


def _only_ipv6(facts: Facts) -> Finding:
    return Finding(
        "warning",
        "dns.ipv4",
        f"{facts.hostname} has addresses of IPv6 alone",
        "servers without IPv6 cannot deliver; many large ones have none on the way out",
        "get an IPv4 address, or a second MX that has one",
    )
