"""``mailstack doctor``: does all of it work, and if not, what to do."""

from typing import Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.options import AsJson

app = typer.Typer(add_completion=False)


@app.command(
    epilog="mailstack doctor\n\nmailstack doctor --only tls --json\n\nmailstack doctor --fast"
)
def command(
    context: typer.Context,
    *,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="KEY", help="Only this check; may be repeated."),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Send no canary message through the stack.")
    ] = False,
    scheduled: Annotated[
        bool,
        typer.Option(
            "--scheduled",
            help="For a log: a line for each finding that is not ok; exit code 1 only if they "
            "cannot be kept.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Examine the running stack, and say how to mend what is wrong. Exit code 1 on a failure."""
    from mailstack.cli.doctor import (  # noqa: PLC0415 - dnspython is for those who need it
        by_the_clock,
        doctor,
    )

    if scheduled:
        by_the_clock(invocation(context))
    elif doctor(invocation(context), only or [], fast=fast, as_json=as_json):
        raise typer.Exit(1)
