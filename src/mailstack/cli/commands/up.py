"""``mailstack up``: start everything on this machine."""

from typing import Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.up import up

app = typer.Typer(add_completion=False)


@app.command(
    epilog="mailstack up --detach && mailstack status",
)
def command(
    context: typer.Context,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once everything is healthy; 1 if it is not.")
    ] = False,
) -> None:
    """Start everything on this machine, and stay in front until interrupted."""
    up(invocation(context), detach=detach)
