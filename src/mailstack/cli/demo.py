"""``mailstack demo``: tells the story of ``mailstack.demo`` to a person."""

from pathlib import Path

import typer

from mailstack.aio import lock
from mailstack.demo import report
from mailstack.demo.run import run
from mailstack.supervisor import client


def demo(*, keep: bool) -> None:
    """Run the demonstration; exit 1 when a step failed."""
    if not run(report.Report(report.console()), _supervisor_of, keep=keep):
        raise typer.Exit(1)


def _supervisor_of(state: Path) -> int:
    return lock.holder(client.lock_path(state)) if client.is_running(state) else 0
