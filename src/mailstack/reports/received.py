"""How received reports of a domain come together in one document, and what goes when it is full.

A report that comes twice is kept once; one whose sender is proven wins. What anybody may have
written goes before what a domain vouches for, and the oldest first. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from mailstack.model.reports import MAX_LINES, MAX_REPORTS, Received, Reports, Source

MAX_SOURCES_OF_ONE: Final = 200
OTHERS: Final = "others"
"""Stands for the sources with the fewest messages, where there are more."""


def shortened(report: Received) -> Received:
    """Bring a report to its limit: the smallest sources become one. Those that stay are ordered."""
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


def is_news(report: Received, kept: Reports) -> bool:
    """Whether it is not there yet, or only as somebody's whose word nobody vouches for."""
    return all(
        report.proven and not one.proven for one in kept.items if _name(one) == _name(report)
    )


def with_new(kept: Reports, report: Received, *, oldest: float) -> Reports:
    """Add a report, in the place of the same one, and let go of what came before ``oldest``."""
    others = [one for one in kept.items if _name(one) != _name(report) and one.at >= oldest]
    items = _as_many_as_fit([*others, report])
    return Reports(domain=kept.domain, items=tuple(sorted(items, key=lambda one: one.at)))


def _as_many_as_fit(reports: Iterable[Received]) -> Sequence[Received]:
    room, kept = MAX_LINES, []
    for one in sorted(reports, key=lambda one: (one.proven, one.at), reverse=True)[:MAX_REPORTS]:
        room -= one.size
        if room < 0:
            break
        kept.append(one)
    return kept


def _name(report: Received) -> tuple[str, str, str]:
    return report.kind, report.reporter, report.identity
