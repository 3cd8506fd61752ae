"""``mailstack drain postfix``: finish, and take nothing new."""

from typing import Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.drain import drain

app = typer.Typer(add_completion=False)


@app.command(epilog="mailstack drain postfix")
def command(
    context: typer.Context,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="postfix")],
) -> None:
    """Refuse new sessions, send the queue, wait for both; a pod does so before its end."""
    drain(invocation(context), service)
