"""``mailstack down``: stop everything."""

import typer

from mailstack.cli.app import invocation
from mailstack.cli.down import down

app = typer.Typer(add_completion=False)


@app.command()
def command(context: typer.Context) -> None:
    """Stop everything; queued mail and mailboxes stay."""
    down(invocation(context))
