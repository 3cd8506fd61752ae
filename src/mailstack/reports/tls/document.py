"""Writes a report about TLS: the JSON of RFC 8460 4.4. Pure."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any, Final

from mailstack.protocols.tlsrpt import Failure, Policy
from mailstack.reports.letter import Submitter
from mailstack.reports.tls.kept import Report, Sums

_NAMES: Final = {
    "result-type": "result",
    "sending-mta-ip": "sender",
    "receiving-mx-hostname": "server",
    "receiving-mx-helo": "greeting",
    "receiving-ip": "address",
    "additional-information": "information",
    "failure-reason-code": "reason",
}
"""RFC 8460's names of what a ``Failure`` holds; what is empty is left out."""


def write(report: Report, by: Submitter) -> bytes:
    """The document."""
    document = {
        "organization-name": by.domain,
        "date-range": {
            "start-datetime": _time(report.begin),
            "end-datetime": _time(report.end),
        },
        "contact-info": by.address,
        "report-id": report.identity,
        "policies": [_policy(one, sums) for one, sums in report.tally.policies.items()],
    }
    return json.dumps(document, indent=1).encode()


def pack(document: bytes) -> bytes:
    """As it travels; the same octets each time."""
    return gzip.compress(document, mtime=0)


def file_name(report: Report, by: Submitter) -> str:
    """RFC 8460 5.1."""
    unique = report.identity.rpartition(".")[2]
    parts = (by.domain, report.domain, str(report.begin), str(report.end), unique)
    return f"{'!'.join(parts)}.json.gz"


def _policy(policy: Policy, sums: Sums) -> dict[str, Any]:
    described: dict[str, Any] = {"policy-type": policy.type, "policy-domain": policy.domain}
    if policy.lines:
        described["policy-string"] = list(policy.lines)
    if policy.servers:
        described["mx-host"] = list(policy.servers)
    whole: dict[str, Any] = {
        "policy": described,
        "summary": {
            "total-successful-session-count": sums.succeeded,
            "total-failure-session-count": sums.failed,
        },
    }
    if sums.failures:
        whole["failure-details"] = [_failure(*one) for one in sums.failures.most_common()]
    return whole


def _failure(failure: Failure, count: int) -> dict[str, Any]:
    words = {name: getattr(failure, own) for name, own in _NAMES.items()}
    return {**{k: v for k, v in words.items() if v}, "failed-session-count": count}


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
