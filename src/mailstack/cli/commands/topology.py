"""``mailstack topology``: who talks to whom."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from mailstack.cli.output import say_json, say_table
from mailstack.errors import MailstackError
from mailstack.topology import table
from mailstack.topology.diagram import diagram
from mailstack.topology.stack import STACK

app = typer.Typer(add_completion=False)


@app.command(epilog="mailstack topology --diagram > topology.mmd")
def command(
    *,
    as_table: Annotated[bool, typer.Option("--table", help="Print the links as a table.")] = False,
    as_diagram: Annotated[
        bool, typer.Option("--diagram", help="Print a picture, as Mermaid text.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the links as JSON.")] = False,
) -> None:
    """Show every link: from, to, port, purpose. What is not listed cannot be reached."""
    if as_table + as_diagram + as_json > 1:
        raise MailstackError("--table, --diagram and --json exclude each other", advice="take one")
    if as_diagram:
        sys.stdout.write(diagram(STACK))
    elif as_json:
        say_json([asdict(row) for row in table.rows(STACK)])
    else:
        say_table(table.HEADINGS, (table.cells(row) for row in table.rows(STACK)))
