"""What ``mailstack reports show`` makes of received reports: sums over days, for each domain."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mailstack.cli.datastore import client
from mailstack.cli.invocation import Invocation
from mailstack.cli.reports import ADVICE, SERVICE, folder, iso
from mailstack.errors import MailstackError
from mailstack.reports import received
from mailstack.reports.received import Received, Source

_DAY_S: Final = 86_400
SUCCESS: Final = "success"


@dataclass(slots=True)
class Line:
    """What one server sent in a domain's name, as several reporters counted it."""

    messages: int = 0
    reporters: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Domain:
    """All that was told about one of our domains."""

    name: str
    messages: int = 0
    passed: int = 0
    reports: int = 0
    unproven: int = 0
    """Reports whose sender nobody vouches for."""
    sources: dict[Source, Line] = field(default_factory=dict)
    """By address, results and author; the source's own count is left out."""
    sessions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Of TLS: by reporter, result and our server."""

    @property
    def share(self) -> float | None:
        """Of messages that pass DMARC; None: nothing was counted."""
        return self.passed / self.messages if self.messages else None


def reports(invocation: Invocation, domain: str, days: int) -> list[Received]:
    """Reports about the last days, of one domain or of all.

    Raises:
        MailstackError: they cannot be read, or the domain is not hosted here.
    """
    try:
        kept = received.load(folder(invocation))
    except (OSError, ValueError) as error:
        raise MailstackError(f"received reports cannot be read: {error}", advice=ADVICE) from error
    since = time.time() - days * _DAY_S
    found = [one for one in kept if domain in ("", one.domain) and one.end >= since]
    if domain and not found:
        client(invocation, SERVICE).call("GET", "domains", domain)
    return found


def summed(found: Iterable[Received]) -> list[Domain]:
    """Add reports up, domain by domain."""
    domains: dict[str, Domain] = {}
    for one in found:
        domain = domains.setdefault(one.domain, Domain(one.domain))
        domain.reports += 1
        domain.unproven += not one.proven
        for source in one.sources:
            _count(domain, source, named(one))
        for part in one.sessions:
            domain.sessions[named(one), part.result, part.server] += part.sessions
    return [domains[name] for name in sorted(domains)]


def named(report: Received) -> str:
    """The reporter; marked where nobody vouches for it."""
    return report.reporter if report.proven else f"{report.reporter} (unproven)"


def _count(domain: Domain, source: Source, reporter: str) -> None:
    domain.messages += source.messages
    domain.passed += source.messages if source.passes else 0
    key = Source(source.address, 0, source.dkim, source.spf, source.disposition, source.author)
    line = domain.sources.setdefault(key, Line())
    line.messages += source.messages
    line.reporters.add(reporter)


def summary(domain: Domain) -> str:
    """One line for a person."""
    told = f"{domain.name}: {domain.reports} reports"
    if domain.share is not None:
        told += f", {domain.messages} messages, {_percent(domain.share)} pass DMARC"
    if domain.sessions:
        whole = domain.sessions.total()
        good = sum(n for (_, result, _), n in domain.sessions.items() if result == SUCCESS)
        told += f", {whole} TLS sessions, {whole - good} failed"
    if domain.unproven:
        told += f"; {domain.unproven} of unproven origin"
    return told


def _percent(share: float) -> str:
    """Never 100 % for nearly all."""
    return f"{int(share * 1000) / 10:g} %"


def source_rows(domain: Domain) -> list[Sequence[str]]:
    """For a table: the most messages first."""
    ordered = sorted(domain.sources.items(), key=lambda item: -item[1].messages)
    return [
        (
            source.address,
            str(line.messages),
            "pass" if source.dkim else "fail",
            "pass" if source.spf else "fail",
            source.disposition,
            source.author,
            ", ".join(sorted(line.reporters)),
        )
        for source, line in ordered
    ]


def session_rows(domain: Domain) -> list[Sequence[str]]:
    """For a table: reporter, result, our server, sessions."""
    return [
        (reporter, result, server, str(count))
        for (reporter, result, server), count in domain.sessions.most_common()
        if count
    ]


def fields(domain: Domain, found: Iterable[Received]) -> dict[str, Any]:
    """For ``--json``."""
    head = ("address", "messages", "dkim", "spf", "disposition", "author", "reporters")
    rows = [dict(zip(head, row, strict=True)) for row in source_rows(domain)]
    return {
        "domain": domain.name,
        "messages": domain.messages,
        "passed": domain.passed,
        "sources": [{**row, "messages": int(row["messages"])} for row in rows],
        "tls": [
            {"reporter": reporter, "result": result, "server": server, "sessions": count}
            for (reporter, result, server), count in domain.sessions.most_common()
        ],
        "reports": [
            {
                "kind": one.kind,
                "reporter": one.reporter,
                "id": one.identity,
                "begin": iso(one.begin),
                "end": iso(one.end),
                "received": iso(one.at),
                "signed_by": list(one.signed_by),
                "proven": one.proven,
            }
            for one in found
            if one.domain == domain.name
        ],
    }
