"""Run the checks side by side. What goes wrong in a check is unknown, and stays its own matter.

Here alone every exception is caught. It is logged with its type, so that a mistake of ours is not
taken for a peer that does not answer: a check catches only what its peers can do.
"""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from mailstack.aio.files import replace_text
from mailstack.doctor.context import Context
from mailstack.doctor.kept import path
from mailstack.doctor.numbers import numbers
from mailstack.doctor.registry import Entry
from mailstack.findings import Finding, Severity

_LOG: Final = logging.getLogger("mailstack")
_PRIVATE: Final = 0o600
_MAX_KEPT: Final = 200
"""Findings that the file keeps; those that are not ok come first."""


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
    return {severity: counted[severity] for severity in get_args(Severity)}


def keep(state: Path, results: list[Result]) -> None:
    """Write what was found, for ``status``, and its numbers for node_exporter's collector."""
    counts, now = summary(results), int(time.time())
    found = {r.entry.key: [f.severity for f in r.findings] for r in results}
    worst = [f for result in results for f in result.findings if f.severity != "ok"]
    document = {"at": now, "summary": counts, "findings": [f.as_json() for f in worst[:_MAX_KEPT]]}
    replace_text(path(state), json.dumps(document, indent=2) + "\n", mode=_PRIVATE)
    replace_text(state / "run" / "doctor.prom", numbers(found, now))
