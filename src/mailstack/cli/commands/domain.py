"""``mailstack domain``: which domains' mail is taken here."""

from typing import Annotated

import typer

from mailstack.cli.options import AsJson, DomainName, Enabled, Yes, documents
from mailstack.cli.output import confirm, say, say_json, say_table

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Domains whose mail is taken here."
)


@app.command(epilog="mailstack domain add example.net")
def add(context: typer.Context, name: DomainName, *, as_json: AsJson = False) -> None:
    """Take mail for a domain; postmaster@ and abuse@ reach the owner at once."""
    stored = documents(context, "domain").create({"type": "domain", "name": name})
    say_json(stored) if as_json else say(f"added domain {stored['name']}")


@app.command("list", epilog="mailstack domain list --json")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all domains."""
    found = documents(context, "domain").all()
    if as_json:
        say_json(list(found))
        return
    say_table(("domain", "state"), [(d["name"], _state(enabled=d["enabled"])) for d in found])


@app.command(epilog="mailstack domain show example.net --json")
def show(context: typer.Context, name: DomainName, *, as_json: AsJson = False) -> None:
    """Show one domain."""
    found = documents(context, "domain").get(name)
    if as_json:
        say_json(found)
        return
    say_table(("domain", "state"), [(found["name"], _state(enabled=found["enabled"]))])


@app.command("set", epilog="mailstack domain set example.net --disable")
def set_(
    context: typer.Context, name: DomainName, *, enabled: Enabled = None, as_json: AsJson = False
) -> None:
    """Switch a domain off (its mail is refused, what is stored stays) or on again."""
    if enabled is None:
        raise typer.BadParameter("nothing to set: give --enable or --disable")
    stored, changed = documents(context, "domain").change(name, {"enabled": enabled})
    text = f"domain {stored['name']} is {_state(enabled=enabled)}{'' if changed else ' already'}"
    say_json(stored) if as_json else say(text)


@app.command(epilog="mailstack domain remove example.net --recursive")
def remove(
    context: typer.Context,
    name: DomainName,
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Also its users, aliases and scripts.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Take no more mail for a domain. Refused while it has users or aliases, unless --recursive."""
    question = f"Remove {name} with all its users, aliases and scripts?"
    if recursive and not confirm(question, yes=yes):
        raise typer.Abort
    documents(context, "domain").remove(name, recursive=recursive)
    say(f"removed domain {name}; mailboxes on disk were not touched")


def _state(*, enabled: bool) -> str:
    return "enabled" if enabled else "disabled"
