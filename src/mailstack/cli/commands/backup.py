"""``mailstack backup``: one more copy of the datastore, and the oldest ones removed."""

from pathlib import Path
from typing import Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.backup import backup

app = typer.Typer(add_completion=False)


@app.command(epilog="mailstack backup --keep 30")
def command(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where to; STATE/data/backup/copies if left out."),
    ] = None,
    *,
    keep: Annotated[
        int, typer.Option("--keep", metavar="NUMBER", min=1, help="Copies that stay.")
    ] = 14,
) -> None:
    """Export every document into a new compressed file, named by the time; for cron."""
    backup(invocation(context), folder, keep)
