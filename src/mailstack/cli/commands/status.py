"""``mailstack status``: what runs, and how well."""

from typing import Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.status import status

app = typer.Typer(add_completion=False)


@app.command(epilog="mailstack status --json | jq .healthy")
def command(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each service's state; exit 1 if any is not healthy."""
    status(invocation(context), as_json=as_json)
