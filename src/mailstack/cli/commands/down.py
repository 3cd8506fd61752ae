"""``mailstack down``: stop everything."""

import typer

from mailstack.cli.app import invocation
from mailstack.cli.down import down

app = typer.Typer()


@app.command(rich_help_panel="The stack")
def command(context: typer.Context) -> None:
    """Stop everything; queued mail and mailboxes stay."""
    down(invocation(context))
