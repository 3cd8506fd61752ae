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
    as_json: AsJson = False,
) -> None:
    """Examine the running stack, and say how to mend what is wrong. Exit code 1 on a failure."""
    from mailstack.cli.doctor import doctor  # noqa: PLC0415 - dnspython is for those who need it

    if doctor(invocation(context), only or [], fast=fast, as_json=as_json):
        raise typer.Exit(1)
