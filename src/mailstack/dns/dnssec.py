"""Whether a zone is signed, and whether its signatures are believed."""

from collections.abc import Sequence
from typing import Final

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.DNSKEY import DNSKEY

from mailstack.dns.ask import ask
from mailstack.findings import Finding
from mailstack.outcome import Found, Unavailable
from mailstack.topology.model import Endpoint

_KEY = "dns.dnssec"
_SEP: Final = 0x0001


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
    return await _unproved(zone, keys.value.data, resolver)


async def _unproved(zone: str, keys: Sequence[str], resolver: Endpoint) -> Finding:
    """Signed, and not validated: is there no DS record, or does the resolver not look?"""
    chain = await ask(resolver, zone, "DS", recursive=True)
    if isinstance(chain, Found):
        return Finding(
            "warning",
            _KEY,
            f"{zone} is signed and has a DS record, but the resolver did not validate it",
            "whether the two belong together cannot be told here",
            "set dns.dnssec to true, and see that servers in dns.forward validate too",
        )
    wanted = " or ".join(ds_records(zone, keys)) or "that of the zone's key"
    return Finding(
        "warning",
        _KEY,
        f"{zone} is signed, but its parent has no DS record",
        "without it the signatures count for nothing, and nobody believes the TLSA records (DANE)",
        f"have the registry publish: {wanted}",
    )


def ds_records(zone: str, keys: Sequence[str]) -> list[str]:
    """Write the DS record of each key that signs keys (SEP, RFC 4034 2.1.1), by SHA-256."""
    found = []
    for text in keys:
        key = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.DNSKEY, text)
        if isinstance(key, DNSKEY) and key.flags & _SEP:
            record = dns.dnssec.make_ds(dns.name.from_text(zone), key, "SHA256")
            found.append(f"{zone} IN DS {record}")
    return found


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
