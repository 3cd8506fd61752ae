"""``mailstack demo``: tells the story of ``mailstack.demo`` to a person."""

import typer

from mailstack.demo import report
from mailstack.demo.run import run


def demo(*, keep: bool) -> None:
    """Run the demonstration; exit 1 when a step failed."""
    if not run(report.Report(report.console()), keep=keep):
        raise typer.Exit(1)
