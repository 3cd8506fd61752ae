"""Runs the checks of ``mailstack doctor`` and shows what they found, within 80 columns."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final

from mailstack.cli.datastore import client as couchmail
from mailstack.cli.datastore import in_container
from mailstack.cli.invocation import Invocation
from mailstack.cli.output import say, say_json, wrapped
from mailstack.dns.facts import addresses
from mailstack.doctor.agents import addresses as addresses_of_pods
from mailstack.doctor.agents import told_by_agents
from mailstack.doctor.context import JOB, Context
from mailstack.doctor.registry import CHECKS, Entry
from mailstack.doctor.run import Result, keep, run, summary
from mailstack.errors import ConfigError, InvalidDocument, MailstackError
from mailstack.findings import Finding, failed
from mailstack.settings import Settings
from mailstack.supervisor import client

_INDENT: Final = 10
_COLOURS: Final = {"ok": "32", "warning": "33", "failure": "31", "unknown": "36"}


def doctor(invocation: Invocation, only: Sequence[str], *, fast: bool, as_json: bool) -> bool:
    """Examine, show, keep what a whole examination found; return whether something failed."""
    entries = _chosen(only, fast=fast)
    context = _context(invocation)
    with _progress(len(entries)) as done:
        results = asyncio.run(run(context, entries, done))
    if not only and not fast:
        try:
            keep(context.api, results)
        except MailstackError as error:
            sys.stderr.write(f"status and metrics do not learn of this: {error}\n")
    if as_json:
        say_json(
            {
                "summary": summary(results),
                "findings": [f.as_json() for result in results for f in result.findings],
            }
        )
    else:
        _show(results)
    return any(failed(result.findings) for result in results)


def by_the_clock(invocation: Invocation) -> None:
    """Examine all, keep it, and print what is not well, a line each, for a log.

    Raises:
        MailstackError: what was found cannot be kept.
    """
    context = _context(invocation)
    results = asyncio.run(run(context, CHECKS, lambda _: None))
    for finding in (f for result in results for f in result.findings if f.severity != "ok"):
        say(f"doctor: {finding.severity}: {finding.key}: {finding.what}")
    keep(context.api, results)


def _chosen(only: Sequence[str], *, fast: bool) -> list[Entry]:
    keys = [entry.key for entry in CHECKS]
    if unknown := [key for key in only if key not in keys]:
        raise InvalidDocument(f"there is no check {unknown[0]}", advice=f"one of {', '.join(keys)}")
    return [e for e in CHECKS if e.key in only or (not only and not (fast and e.key == "canary"))]


def _context(invocation: Invocation) -> Context:
    try:
        known = addresses(invocation.settings)
    except ConfigError:
        known = ()
    settings, state = invocation.settings, invocation.state
    if in_container():
        status, hosts = asyncio.run(_around(settings))
        api = couchmail(invocation, JOB)
        return Context(settings, state, known, status, pod=True, remote=api, hosts=hosts)
    try:
        running = client.status(state)
    except MailstackError:
        running = None
    return Context(settings, state, known, running)


async def _around(settings: Settings) -> tuple[dict[str, Any], dict[str, str]]:
    """Ask a cluster how the services are, and where that is which must be asked by address."""
    return await told_by_agents(settings), await addresses_of_pods()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Entry], None]]:
    """Count on standard error, where a person watches."""
    watched, ended = sys.stderr.isatty(), 0

    def done(entry: Entry) -> None:
        nonlocal ended
        ended += 1
        if watched:
            sys.stderr.write(f"\r\x1b[K{ended} of {total}: {entry.key}")
            sys.stderr.flush()

    yield done
    if watched:
        sys.stderr.write("\r\x1b[K")


def _show(results: Sequence[Result]) -> None:
    colour = sys.stdout.isatty()
    for group, members in groupby(results, key=lambda result: result.entry.group):
        say(group)
        for finding in (f for result in members for f in result.findings):
            _line(finding, colour=colour)
    counts = summary(results)
    say(", ".join(f"{number} {severity}" for severity, number in counts.items()))


def _line(finding: Finding, *, colour: bool) -> None:
    word = f"{finding.severity:<7}"
    shown = f"\x1b[{_COLOURS[finding.severity]}m{word}\x1b[0m" if colour else word
    meaning = f": {finding.meaning}" if finding.meaning else ""
    text = f"{finding.key}: {finding.what}{meaning}"
    say(f"  {shown} " + wrapped(text, indent=_INDENT).lstrip())
    if finding.fix:
        say(wrapped(f"→ {finding.fix}", indent=_INDENT))
