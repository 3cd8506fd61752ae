"""``mailstack run SERVICE``: the agent of one service, as a container runs it."""

from typing import Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.run import run
from mailstack.topology.stack import STACK

app = typer.Typer(add_completion=False)


def _services() -> list[str]:
    return [service.name for service in STACK.services]


@app.command(epilog="mailstack run postfix")
def command(
    context: typer.Context,
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="Its name.", autocompletion=_services)
    ],
) -> None:
    """Run the agent of one service in the foreground: render, check, start, watch."""
    run(invocation(context), service)
