"""``mailstack demo``: from nothing to mail in mailboxes."""

from typing import Annotated

import typer

from mailstack.cli.demo import demo

app = typer.Typer(add_completion=False)


@app.command(epilog="mailstack demo --keep")
def command(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack running and its files in place.")
    ] = False,
) -> None:
    """Start a throw-away stack, move real mail through it both ways, and say what it did."""
    demo(keep=keep)
