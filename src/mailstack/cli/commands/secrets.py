"""``mailstack secrets``: the keys of a deployment, made once."""

from pathlib import Path
from typing import Annotated

import typer

from mailstack.cli import render
from mailstack.cli.app import invocation

app = typer.Typer(add_completion=False)


@app.command(epilog="mailstack secrets --out deploy --from var/secure")
def command(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="They go into DIR/secrets.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DIR", help="Take them from STATE/secure of a machine, to move house."
        ),
    ] = None,
) -> None:
    """Make the keys and passwords that are missing; what is there is never changed."""
    render.secrets(invocation(context), out, source)
