"""Records as files: a zone file's lines, and ExternalDNS's objects."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from mailstack.dns.records import Record


def zone_lines(domain: str, records: Sequence[Record]) -> str:
    """Lines of a zone file; to be included in the zone, which has its own SOA and NS."""
    width = max((len(record.name) for record in records), default=0) + 1
    lines = [f"; records of {domain} for mailstack", f"$ORIGIN {domain}."]
    for purpose, group in groupby(records, key=lambda record: record.purpose):
        lines.append(f"; {purpose}")
        lines += [f"{r.name + '.':<{width}} {r.ttl} IN {r.kind} {r.data}" for r in group]
    return "\n".join(lines) + "\n"


def endpoints(domain: str, records: Sequence[Record]) -> dict[str, Any]:
    """A ``DNSEndpoint`` (externaldns.k8s.io/v1alpha1): one endpoint for each name and type.

    Texts are whole: how long ones are split is the business of ExternalDNS's provider.
    """
    sets: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        sets.setdefault((record.name, record.kind), []).append(record)
    return {
        "apiVersion": "externaldns.k8s.io/v1alpha1",
        "kind": "DNSEndpoint",
        "metadata": {"name": f"mailstack-{domain}"},
        "spec": {
            "endpoints": [
                {
                    "dnsName": name,
                    "recordType": kind,
                    "recordTTL": found[0].ttl,
                    "targets": [record.value for record in found],
                }
                for (name, kind), found in sets.items()
            ]
        },
    }
