"""``mailstack dkim``: which keys sign for a domain, and new ones."""

from typing import Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.dkim import Fields, anew, keys_of, pages, rotated, waited_for, zone_line
from mailstack.cli.options import AsJson, DomainName, Yes
from mailstack.cli.output import confirm, say, say_json, say_table
from mailstack.client import Client, UnixTransport
from mailstack.errors import MailstackError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Keys that sign a domain's mail: what to publish, which sign, new ones.",
)

_HEAD = ("domain", "selector", "algorithm", "state", "since")


@app.command(
    epilog="mailstack dkim show example.org\n\n"
    "mailstack dkim show example.org --zone >> example.org.zone"
)
def show(
    context: typer.Context,
    name: DomainName,
    *,
    as_json: AsJson = False,
    zone: Annotated[
        bool, typer.Option("--zone", help="Print lines of a zone file, to be published.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="If the domain is new: wait until its keys are made.")
    ] = False,
) -> None:
    """Show the keys of a domain and the records to publish. Never a private half."""
    if as_json and zone:
        raise MailstackError("--json and --zone exclude each other", advice="take one")
    client = _client(context)
    algorithms = invocation(context).settings.dkim.algorithms if wait else ()
    found = waited_for(client, name, algorithms) if wait else keys_of(client, name)
    if as_json:
        say_json(found)
    elif zone:
        for key in found["items"]:
            if key["state"] != "retired":
                say(zone_line(key))
    else:
        _say_keys(found, name)


@app.command(epilog="mailstack dkim rotate example.org")
def rotate(context: typer.Context, name: DomainName, *, as_json: AsJson = False) -> None:
    """Make new keys. They sign once every name server of the domain shows their records."""
    found = rotated(_client(context), name)
    if as_json:
        say_json(found)
        return
    new = [key for key in found["items"] if key["state"] in {"made", "published"}]
    say(f"{found['domain']} has {len(new)} new keys; they sign once these records are seen:")
    for key in new:
        say(zone_line(key))


@app.command(epilog="mailstack dkim reset example.org --yes")
def reset(context: typer.Context, name: DomainName, *, yes: Yes = False) -> None:
    """Forget a domain's keys and make new ones that sign at once: when dkim.master was lost.

    Until their records are published, signatures of the domain cannot be verified.
    """
    if not confirm(f"Forget all keys of {name}, and sign with new ones at once?", yes=yes):
        raise typer.Exit(1)
    algorithms = invocation(context).settings.dkim.algorithms
    found = anew(_client(context), name, algorithms)
    say(f"{found['domain']} has new keys; publish these records now:")
    for key in found["items"]:
        say(zone_line(key))


@app.command("list", epilog="mailstack dkim list --json")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the keys of all domains."""
    found = list(pages(_client(context)))
    if as_json:
        say_json(found)
        return
    rows = [_row(one["domain"], key) for one in found for key in one["items"]]
    say_table(_HEAD, rows)


def _client(context: typer.Context) -> Client:
    return Client(UnixTransport(invocation(context).api_socket))


def _row(domain: str, key: Fields) -> tuple[str, ...]:
    return (domain, key["selector"], key["algorithm"], key["state"], key["since"])


def _say_keys(found: Fields, name: str) -> None:
    if not found["items"]:
        say(f"{name} has no keys of its own; the stack's one key signs for it")
        return
    say_table(_HEAD, [_row(found["domain"], key) for key in found["items"]])
    say("")
    for key in found["items"]:
        if key["state"] != "retired":
            say(zone_line(key))
