"""Reports that came in, in short: one JSON file, replaced whole and bounded.

What a stranger wrote is in here only as far as it was understood: addresses, domains, numbers, a
few words. A report that comes twice is kept once; one whose sender is proven wins.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from mailstack.aio.files import replace_text

FILE: Final = "received.json"
MAX_REPORTS: Final = 3000
MAX_SOURCES: Final = 10_000
"""Of all reports together: two megabytes of the volume."""
MAX_SOURCES_OF_ONE: Final = 200
OTHERS: Final = "others"
"""Stands for the sources with the fewest messages, where there are more."""
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Source:
    """Messages of one server, as DMARC reports count them."""

    address: str
    messages: int
    dkim: bool
    """Aligned, which is what DMARC asks for."""
    spf: bool
    disposition: str
    author: str
    """The domain of the From field."""

    @property
    def passes(self) -> bool:
        return self.dkim or self.spf


@dataclass(frozen=True, slots=True)
class Sessions:
    """Connections of one kind, as TLS reports count them."""

    result: str
    """"success", or the type of failure (RFC 8460 4.3)."""
    sessions: int
    policy: str
    server: str
    """Our MX, if the report names it."""


@dataclass(frozen=True, slots=True)
class Received:
    """One report about a domain of ours."""

    kind: Literal["dmarc", "tls"]
    domain: str
    reporter: str
    """What it calls itself."""
    identity: str
    begin: int
    end: int
    at: int
    """When it came; Unix time, as the others."""
    signed_by: tuple[str, ...]
    """Domains whose DKIM signatures of the message held."""
    proven: bool
    """One of them is that of its From field."""
    sources: tuple[Source, ...] = ()
    sessions: tuple[Sessions, ...] = ()

    @property
    def size(self) -> int:
        return len(self.sources) + len(self.sessions)


def shortened(report: Received) -> Received:
    """Bring a report to its limit: the smallest sources become one."""
    ordered = sorted(report.sources, key=lambda source: -source.messages)
    kept, rest = ordered[: MAX_SOURCES_OF_ONE - 4], ordered[MAX_SOURCES_OF_ONE - 4 :]
    groups: dict[tuple[bool, bool], Source] = {}
    for one in rest:
        key = one.dkim, one.spf
        before = groups.get(key, replace(one, address=OTHERS, messages=0))
        groups[key] = replace(before, messages=before.messages + one.messages)
    return replace(
        report,
        sources=(*kept, *groups.values()),
        sessions=report.sessions[:MAX_SOURCES_OF_ONE],
    )


def load(folder: Path) -> list[Received]:
    """Read the file, the oldest first; nothing where there is none.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not what ``save`` writes.
    """
    try:
        found = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return []
    try:
        return list(map(_received, _checked(found)))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / FILE} is not what was written: {error!r}") from error


def save(folder: Path, reports: Iterable[Received], *, now: float, keep_days: int) -> None:
    """Write what is young enough, as much as there is room for."""
    room, kept = MAX_SOURCES, []
    oldest = now - keep_days * _DAY_S
    for one in sorted(reports, key=lambda report: report.at)[: -MAX_REPORTS - 1 : -1]:
        room -= one.size
        if one.at >= oldest and room >= 0:
            kept.append(asdict(one))
    text = json.dumps(kept[::-1], separators=(",", ":"))
    replace_text(folder / FILE, text, mode=0o600, durable=True)


def added(reports: list[Received], new: Received) -> bool:
    """Add a report, unless it is there; return whether it is new."""
    for number, one in enumerate(reports):
        if _name(one) == _name(new):
            if new.proven and not one.proven:
                reports[number] = new
                return True
            return False
    reports.append(new)
    return True


def _name(report: Received) -> tuple[str, str, str, str]:
    return report.kind, report.domain, report.reporter, report.identity


def _checked(found: object) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError("no list")
    return found


def _received(found: Any) -> Received:  # noqa: ANN401 - JSON enters here
    return Received(
        **{
            **found,
            "signed_by": tuple(found["signed_by"]),
            "sources": tuple(Source(**one) for one in found["sources"]),
            "sessions": tuple(Sessions(**one) for one in found["sessions"]),
        }
    )
