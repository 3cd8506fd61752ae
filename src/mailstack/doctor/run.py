"""Run the checks side by side. What goes wrong in a check is unknown, and stays its own matter.

Here alone every exception is caught. It is logged with its type, so that a mistake of ours is not
taken for a peer that does not answer: a check catches only what its peers can do.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailstack.client import Client
from mailstack.doctor.context import Context
from mailstack.doctor.registry import Entry
from mailstack.findings import Finding
from mailstack.model.examination import MAX_FINDINGS, SEVERITIES, Counts, Examination, Told

_LOG: Final = logging.getLogger("mailstack")
_RANK: Final = ("failure", "warning", "unknown")


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found."""

    entry: Entry
    findings: tuple[Finding, ...]


async def run(
    context: Context, entries: Iterable[Entry], done: Callable[[Entry], None]
) -> list[Result]:
    """Run all; ``done`` hears of each that ended."""

    async def one(entry: Entry) -> Result:
        result = Result(entry, await _findings(context, entry))
        done(entry)
        return result

    return await asyncio.gather(*(one(entry) for entry in entries))


async def _findings(context: Context, entry: Entry) -> tuple[Finding, ...]:
    try:
        async with asyncio.timeout(entry.timeout_s):
            return tuple(await entry.check(context))
    except TimeoutError:
        why = "no answer in time"
    except Exception as error:  # noqa: BLE001 - a fault of the examination, not of the mail
        why = " ".join(str(error).split()) or type(error).__name__
        _LOG.warning("doctor: %s: %s: %s", entry.key, type(error).__name__, why)
    return (Finding("unknown", entry.key, f"could not ask: {why}"),)


def summary(results: Iterable[Result]) -> dict[str, int]:
    """How many findings there are of each severity."""
    counted = Counter(f.severity for result in results for f in result.findings)
    return {severity: counted[severity] for severity in SEVERITIES}


def examination(results: Sequence[Result], now: float) -> Examination:
    """Put together what is kept: all numbers, and what is not well as far as there is room."""
    found = [f for result in results for f in result.findings if f.severity != "ok"]
    worst = sorted(found, key=lambda finding: _RANK.index(finding.severity))
    return Examination(
        at=int(now),
        checks={r.entry.key: Counts.of(Counter(f.severity for f in r.findings)) for r in results},
        findings=tuple(map(Told.of, worst[:MAX_FINDINGS])),
    )


def keep(api: Client, results: Sequence[Result]) -> None:
    """Give it to couchmail, where ``status`` and Prometheus read it.

    Raises:
        MailstackError: couchmail does not answer.
    """
    found = examination(results, time.time())
    api.call("PUT", "findings", document=found.model_dump(mode="json"))
