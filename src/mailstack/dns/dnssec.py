"""Whether a zone is signed, and whether its signatures are believed."""

from mailstack.dns.ask import ask
from mailstack.findings import Finding
from mailstack.outcome import Found, Unavailable
from mailstack.topology.model import Endpoint

_KEY = "dns.dnssec"


async def check_dnssec(zone: str, resolver: Endpoint) -> Finding:
    """Ask the resolver, which validates unless ``dns.dnssec`` is off."""
    soa = await ask(resolver, zone, "SOA", recursive=True)
    if isinstance(soa, Unavailable):
        return await unanswered(zone, resolver, soa.reason)
    if isinstance(soa, Found) and soa.value.validated:
        return Finding("ok", _KEY, f"{zone} is signed, and the signatures are right")
    keys = await ask(resolver, zone, "DNSKEY", recursive=True)
    if isinstance(keys, Unavailable):
        return Finding("unknown", _KEY, f"DNSSEC of {zone}: could not ask: {keys.reason}")
    if not isinstance(keys, Found):
        return Finding(
            "warning",
            _KEY,
            f"{zone} is not signed (DNSSEC)",
            "answers can be forged, and nobody believes the TLSA records (DANE)",
            "have the zone signed where it is served, and its DS record published by the registry",
        )
    return Finding(
        "warning",
        _KEY,
        f"{zone} is signed, but the resolver did not validate it",
        "without a DS record at the parent the signatures count for nothing",
        "publish the DS record at the registry; see that dns.dnssec is true",
    )


async def unanswered(zone: str, resolver: Endpoint, reason: str) -> Finding:
    """Tell wrong signatures from a silent resolver: without validating, it answers."""
    if "SERVFAIL" in reason and isinstance(
        await ask(resolver, zone, "SOA", recursive=True, unchecked=True), Found
    ):
        return Finding(
            "failure",
            _KEY,
            f"the signatures of {zone} are wrong (bogus)",
            "whoever validates does not find the domain at all",
            "sign the zone anew, or have the DS record removed by the registry",
        )
    return Finding("unknown", _KEY, f"DNSSEC of {zone}: could not ask: {reason}")
