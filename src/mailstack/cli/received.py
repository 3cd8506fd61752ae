"""What ``mailstack reports show`` makes of received reports: sums over days, for each domain.

They come from couchmail, so they are those of all replicas, wherever this runs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mailstack.cli.datastore import client
from mailstack.cli.invocation import Invocation
from mailstack.cli.reports import SERVICE, iso
from mailstack.model.reports import Received, Source
from mailstack.reports.shelf import parsed

_PAGE: Final = "10"
SUCCESS: Final = "success"


@dataclass(slots=True)
class Line:
    """What one server sent in a domain's name, as several reporters counted it."""

    messages: int = 0
    name: str = ""
    """Of the server."""
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
    """By address, results and author; the source's own count and name are left out."""
    sessions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Of TLS: by reporter, result and our server."""

    @property
    def failed(self) -> int:
        return self.messages - self.passed

    @property
    def reporters(self) -> list[str]:
        return sorted(set[str]().union(*(line.reporters for line in self.sources.values())))

    @property
    def share(self) -> float | None:
        """Of messages that pass DMARC; None: nothing was counted."""
        return self.passed / self.messages if self.messages else None


def reports(invocation: Invocation, domain: str, since: float) -> list[Received]:
    """Reports about the time after ``since``, of one domain or of all.

    Raises:
        MailstackError: they cannot be read, or the domain is not hosted here.
    """
    found = _about(invocation, domain) if domain else _all(invocation)
    return [one for one in found if one.end >= since]


def _about(invocation: Invocation, domain: str) -> Iterator[Received]:
    shown = client(invocation, SERVICE).call("GET", "domains", domain, "reports").fields
    yield from parsed(shown)[0].items


def _all(invocation: Invocation) -> Iterator[Received]:
    asked, after = client(invocation, SERVICE), ""
    while True:
        page = asked.call("GET", "reports", query={"limit": _PAGE, "after": after}).fields
        for shown in page["items"]:
            yield from parsed(shown)[0].items
        after = page["next"]
        if not after:
            return


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
    line = domain.sources.setdefault(replace(source, messages=0, name=""), Line())
    line.messages += source.messages
    line.name = source.name or line.name
    line.reporters.add(reporter)


def summary(domain: Domain) -> str:
    """One line for a person."""
    told = f"{domain.name}: {domain.reports} reports"
    if domain.share is not None:
        told += f", {domain.messages} messages, {_percent(domain.share)} pass DMARC"
        told += f", {domain.failed} fail" if domain.failed else ""
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
    """For a pipe: the most messages first."""
    return [
        (
            source.address,
            str(line.messages),
            "pass" if source.dkim else "fail",
            "pass" if source.spf else "fail",
            source.disposition,
            source.author,
            ", ".join(sorted(line.reporters)),
            line.name,
        )
        for source, line in _ordered(domain)
    ]


def source_table(domain: Domain) -> tuple[Sequence[str], list[Sequence[str]]]:
    """For a terminal of 80 columns: headings and rows. Who tells it is said once, below."""
    head = ("server", "messages", "DKIM", "SPF", "done")
    found = [
        (f"{row[7]} {row[0]}".strip(), row[1], row[2], row[3], row[4], row[5])
        for row in source_rows(domain)
    ]
    if any(source.author != domain.name for source in domain.sources):
        return (*head, "From"), list(found)
    return head, [row[:5] for row in found]


def _ordered(domain: Domain) -> list[tuple[Source, Line]]:
    return sorted(domain.sources.items(), key=lambda item: -item[1].messages)


def session_rows(domain: Domain) -> list[Sequence[str]]:
    """For a table: reporter, result, our server, sessions."""
    return [
        (reporter, result, server, str(count))
        for (reporter, result, server), count in domain.sessions.most_common()
        if count
    ]


def fields(domain: Domain, found: Iterable[Received]) -> dict[str, Any]:
    """For ``--json``."""
    head = ("address", "messages", "dkim", "spf", "disposition", "author", "reporters", "name")
    rows = [dict(zip(head, row, strict=True)) for row in source_rows(domain)]
    return {
        "domain": domain.name,
        "messages": domain.messages,
        "passed": domain.passed,
        "failed": domain.failed,
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
