"""Records as files: a zone file's lines, and ExternalDNS's objects."""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from mailstack.dns.records import Record
from mailstack.model.domains import shown


def zone_lines(domain: str, records: Sequence[Record]) -> str:
    """Lines of a zone file; to be included in the zone, which has its own SOA and NS."""
    width = max((len(record.name) for record in records), default=0) + 1
    lines = [f"; records of {shown(domain)} for mailstack", f"$ORIGIN {domain}."]
    for purpose, group in groupby(records, key=lambda record: record.purpose):
        lines.append(f"; {purpose}")
        lines += [f"{r.name + '.':<{width}} {r.ttl} IN {r.kind} {r.data}" for r in group]
    return "\n".join(lines) + "\n"


TYPES: Final = frozenset({"A", "AAAA", "CNAME", "MX", "SRV", "TLSA", "TXT"})
"""Of ours that a DNSEndpoint may have; with any other, newer CRDs refuse the whole object."""
_DOTLESS: Final = frozenset({"MX", "CNAME"})
"""Whose targets must not end with a dot: older versions drop such an endpoint. Those of SRV must,
since a newer one refuses the object otherwise."""
_MAX_NAME: Final = 253
"""Of an object (RFC 1123 as Kubernetes reads it)."""


def endpoints(domain: str, records: Sequence[Record]) -> dict[str, Any]:
    """A ``DNSEndpoint`` (externaldns.k8s.io/v1alpha1): one endpoint for each name and type.

    Records of other ``TYPES`` are left out. Texts are whole: how long ones are split is the
    business of ExternalDNS's provider. Rules: its CRD, and source/crd.go, v0.13 to v0.21.
    """
    sets: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.kind in TYPES:
            sets.setdefault((record.name, record.kind), []).append(record)
    return {
        "apiVersion": "externaldns.k8s.io/v1alpha1",
        "kind": "DNSEndpoint",
        "metadata": {"name": _object_name(domain)},
        "spec": {
            "endpoints": [
                {
                    "dnsName": name,
                    "recordType": kind,
                    "recordTTL": found[0].ttl,
                    "targets": [_target(record) for record in found],
                }
                for (name, kind), found in sets.items()
            ]
        },
    }


def _target(record: Record) -> str:
    return record.value.removesuffix(".") if record.kind in _DOTLESS else record.value


def _object_name(domain: str) -> str:
    name = f"mailstack-{domain}"
    if len(name) <= _MAX_NAME:
        return name
    digest = hashlib.sha256(domain.encode()).hexdigest()[:16]
    return f"{name[: _MAX_NAME - 17].rstrip('.-')}-{digest}"
