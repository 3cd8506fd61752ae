"""The DNS records of the outside world, and those an owner would publish for the stack's domain."""

from collections.abc import Mapping
from typing import Final

import dns.reversename

from mailstack.demo.addresses import Plan
from mailstack.demo.zone import Records

FRIEND: Final = "friend.example"
"""Signs with DKIM, publishes SPF and a strict DMARC policy: a well-run domain."""
OTHER: Final = "other.example"
"""A second well-run domain, for forwarding and for answers."""
BLOCKLIST: Final = "blocklist.example"
"""A DNS blocklist; whoever a test puts into it is refused."""
SELECTOR: Final = "outside"


def outside_world(plan: Plan, dkim_public_key: str) -> Records:
    """Return what exists outside before any mail flows; one DKIM key serves both domains."""
    strangers = {
        f"stranger{number}.example": mail_domain(
            f"stranger{number}.example", plan.stranger(number), dkim_public_key
        )
        for number in range(40)
    }
    records: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for domain in (
        mail_domain(FRIEND, plan.friend, dkim_public_key),
        mail_domain(OTHER, plan.other, dkim_public_key),
        *strangers.values(),
    ):
        records.update(domain)
    return records


def mail_domain(
    domain: str,
    address: str,
    dkim_public_key: str,
    *,
    selector: str = SELECTOR,
    hostname: str = "",
    spf: str = "v=spf1 a mx -all",
    dmarc: str = "v=DMARC1; p=reject; adkim=s; aspf=s",
) -> dict[str, Mapping[str, tuple[str, ...]]]:
    """Return the records of a well-run mail domain with one server, whose PTR names it.

    Args:
        domain: what stands behind the @.
        address: of its server, IPv4.
        dkim_public_key: base64 of the key's DER, as the ``p=`` tag has it.
        selector: name of that key.
        hostname: of the server; mail.DOMAIN unless given.
        spf: policy of the domain; empty: none is published.
        dmarc: policy of the domain; empty: none is published.
    """
    host = hostname or f"mail.{domain}"
    apex = {"MX": (f"10 {host}.",), "A": (address,), "NS": ("ns.example.",)}
    records: dict[str, Mapping[str, tuple[str, ...]]] = {
        domain: {**apex, **({"TXT": (txt(spf),)} if spf else {})},
        host: {"A": (address,)},
        f"{selector}._domainkey.{domain}": {"TXT": (txt(f"v=DKIM1; k=rsa; p={dkim_public_key}"),)},
        dns.reversename.from_address(address).to_text(): {"PTR": (f"{host}.",)},
    }
    if dmarc:
        records[f"_dmarc.{domain}"] = {"TXT": (txt(dmarc),)}
    return records


def listed(address: str) -> Records:
    """Return the record that puts an IPv4 address on the blocklist."""
    reverse = ".".join(reversed(address.split(".")))
    return {f"{reverse}.{BLOCKLIST}": {"A": ("127.0.0.2",), "TXT": (txt("you send spam"),)}}


def txt(text: str) -> str:
    """Spell TXT data: strings of at most 255 octets (RFC 1035 3.3), quoted."""
    parts = [text[start : start + 255] for start in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
