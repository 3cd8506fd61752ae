"""``mailstack probe SERVICE``: whether a container's service does its work."""

from typing import Annotated

import typer

from mailstack.cli.probe import probe

app = typer.Typer(add_completion=False)


@app.command(epilog="kubectl exec deploy/opendkim -- mailstack probe opendkim")
def command(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Its name.")],
) -> None:
    """Ask the agent in this container; exit 1 with its words unless the last probe went well."""
    probe(service)
