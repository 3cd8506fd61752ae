"""``mailstack alias``: where mail for an address goes instead."""

from typing import Annotated, TypeAlias

import typer

from mailstack.cli.options import AliasAddress, AsJson, InDomain, documents
from mailstack.cli.output import say, say_json, say_table

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Addresses whose mail goes elsewhere; @DOMAIN catches what nobody else takes.",
)

Targets: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="TARGET...", help="Where the mail goes, here or outside.")
]


@app.command(
    epilog="mailstack alias add sales@example.org anna@example.org bert@example.net\n\n"
    "mailstack alias add @example.org anna@example.org"
)
def add(
    context: typer.Context, address: AliasAddress, targets: Targets, *, as_json: AsJson = False
) -> None:
    """Send mail for an address to one or more others."""
    fields = {"type": "alias", "address": address, "targets": targets}
    stored = documents(context, "alias").create(fields)
    say_json(stored) if as_json else say(f"added alias {_line(stored)}")


@app.command("list", epilog="mailstack alias list --domain example.org")
def list_(context: typer.Context, *, domain: InDomain = "", as_json: AsJson = False) -> None:
    """List all aliases, or those of one domain."""
    found = documents(context, "alias").all(domain)
    if as_json:
        say_json(list(found))
        return
    say_table(("alias", "targets"), [(a["address"], ", ".join(a["targets"])) for a in found])


@app.command(epilog="mailstack alias show sales@example.org --json")
def show(context: typer.Context, address: AliasAddress, *, as_json: AsJson = False) -> None:
    """Show one alias."""
    found = documents(context, "alias").get(address)
    if as_json:
        say_json(found)
        return
    say_table(("alias", "target"), [(found["address"], target) for target in found["targets"]])


@app.command("set", epilog="mailstack alias set sales@example.org anna@example.org")
def set_(
    context: typer.Context, address: AliasAddress, targets: Targets, *, as_json: AsJson = False
) -> None:
    """Replace the targets of an alias."""
    stored, changed = documents(context, "alias").change(address, {"targets": targets})
    text = f"alias {_line(stored)}" if changed else f"alias {_line(stored)} already"
    say_json(stored) if as_json else say(text)


@app.command(epilog="mailstack alias remove sales@example.org")
def remove(context: typer.Context, address: AliasAddress) -> None:
    """Remove an alias."""
    documents(context, "alias").remove(address)
    say(f"removed alias {address}")


def _line(alias: dict[str, object]) -> str:
    targets = alias["targets"]
    return f"{alias['address']} → {', '.join(targets) if isinstance(targets, list) else targets}"
